/** One counter for each thing that can happen to bytes, packets and requests; each is raised where it is found out. */

/** Counts since the channel was opened. */
export interface LinkStats {
  txPackets: number;
  txBytes: number;
  /** Packets not sent as too much waited to be sent. */
  txDropped: number;
  rxBytes: number;
  /** Packets that passed every check of the packet reader. */
  rxPackets: number;
  /** Bytes of packets that did not. */
  rxRejectedBytes: number;

  // Ways a packet can be bad, found by the packet reader.
  /** Not what COBS makes. */
  badCobs: number;
  /** Longer than the longest packet; its bytes were passed over up to the next zero. */
  badOversize: number;
  /** Shorter than header and checksum. */
  badShort: number;
  /** The checksum does not fit. */
  badCrc: number;
  /** Checksum right, version of the header unknown. */
  badVersion: number;
  /** Checksum right, length of the body not that of the packet. */
  badLength: number;
  /** A length in front of a packet that no packet has; ends the connection. */
  badPrefix: number;

  // Ways a whole packet can be of no use, found by the channel and the sessions.
  /** Type without a message in this version. */
  unknownType: number;
  /** The body is no such message. */
  badBody: number;
  /** Of a session that is over, or not this one. */
  staleSession: number;
  /** An answer that nobody waits for (any more): late, or the second. */
  unexpectedReplies: number;
  /** A frame that came before and was not run again. */
  duplicateFrames: number;

  requests: number;
  retries: number;
  timeouts: number;
  /** Frames answered by a result. */
  framesAnswered: number;
  /** Frames that failed, each with a reason. */
  framesFailed: number;
}

/** All counters at 0. */
export function zeroLinkStats(): LinkStats {
  return {
    txPackets: 0,
    txBytes: 0,
    txDropped: 0,
    rxBytes: 0,
    rxPackets: 0,
    rxRejectedBytes: 0,
    badCobs: 0,
    badOversize: 0,
    badShort: 0,
    badCrc: 0,
    badVersion: 0,
    badLength: 0,
    badPrefix: 0,
    unknownType: 0,
    badBody: 0,
    staleSession: 0,
    unexpectedReplies: 0,
    duplicateFrames: 0,
    requests: 0,
    retries: 0,
    timeouts: 0,
    framesAnswered: 0,
    framesFailed: 0,
  };
}

/** Packets that the packet reader refused. */
export function rejectedPackets(stats: Readonly<LinkStats>): number {
  const { badCobs, badOversize, badShort, badCrc, badVersion, badLength, badPrefix } = stats;
  return badCobs + badOversize + badShort + badCrc + badVersion + badLength + badPrefix;
}
