/** What a board can do, as its file in `firmware-config/` says: limits, link, timing and energy, each number with its source. */

/** Limits of one core. */
export interface CoreLimits {
  readonly compartments: number;
  /** Distribution lists that spikes from elsewhere may address. */
  readonly inputAxons: number;
  /** Entries that say where a spike goes: 1 a discrete axon, 2 a population axon, 1 more when it leaves the chip. */
  readonly outputAxons: number;
  /** Words of 64 bits. */
  readonly synapseWords: number;
  readonly synapseWordsPerAxon: number;
  readonly synapsesPerEntry: number;
  readonly compartmentProfiles: number;
  readonly thresholdProfiles: number;
  /** Index 0 is not usable and not counted. */
  readonly synapseFormats: number;
  /** Longest synaptic delay, steps, when all compartments are in use. */
  readonly delayMax: number;
}

/** One line to the board. */
export interface LinkSettings {
  readonly kind: "serial" | "tcp";
  /** Serial only; bit/s, 8N1. */
  readonly baudRateBps: number | null;
  /** TCP only. */
  readonly port: number | null;
  readonly packetBytesMax: number;
  readonly protocolVersion: number;
}

/** Duration of a frame: max(inputSpikes · inputSpikeUs, frameUs + steps · stepUs). */
export interface StepDurationModel {
  readonly inputSpikeUs: number;
  readonly frameUs: number;
  readonly stepUs: number;
  readonly source: string;
}

/** A supply whose power the board reports. */
export interface Rail {
  readonly name: string;
  readonly covers: string;
  /** How its numbers come about: this board's own meter, or a model. */
  readonly method: "measured" | "estimated";
}

/** One number of the energy model. */
export interface EnergyCoefficient {
  readonly value: number;
  readonly source: string;
}

/** Energy model; units are the last word of a name. */
export interface EnergyTable {
  readonly neuronUpdatePj: EnergyCoefficient;
  readonly synopPj: EnergyCoefficient;
  readonly coreStaticMw: EnergyCoefficient;
  readonly x86StaticMw: EnergyCoefficient;
  readonly x86ClockMw: EnergyCoefficient;
  /** Code of an embedded processor that is never idle; scaled by how busy it is. */
  readonly x86CodeMw: EnergyCoefficient;
  /** Time for which an embedded processor is busy for each host spike, µs. */
  readonly x86BusyUs: EnergyCoefficient;
  /** The whole board, idle: static power of all chips and clocks of the processors included. Null: not known. */
  readonly boardIdleMw: EnergyCoefficient | null;
}

/** A board. */
export interface Board {
  readonly name: string;
  readonly description: string;
  /** True: no hardware; the twin runs it. */
  readonly emulated: boolean;
  readonly chips: number;
  readonly coresPerChip: number;
  readonly x86PerChip: number;
  readonly limits: CoreLimits;
  readonly links: readonly LinkSettings[];
  readonly stepDuration: StepDurationModel;
  readonly rails: readonly Rail[];
  readonly energy: EnergyTable;
  /** Where the facts come from, and what is not known. */
  readonly sources: readonly string[];
}
