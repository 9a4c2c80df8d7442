/**
 * A scene made up on the spot: one labelled sprite, scaled up, drifts over a dark, gently noisy background.
 *
 * The sprite stays inside `focus`, a square in the middle of the scene that is a little larger than the sprite. A user
 * gives `focus` as the crop region and has what a well-placed camera would see. Everything follows from the seed.
 */

import { createRandom, type Random } from "../../src/core/random.ts";
import type { Issue } from "../../src/core/errors.ts";
import type { CameraSource } from "../../src/ports/camera_source.ts";
import { classesOfLabels, type Clip, openClip } from "./clip.ts";
import { IMAGE_PIXELS_MAX } from "./image_checks.ts";
import { checkPacedOptions, createPacedSource, openProblems, type PacedOptions, type Picture } from "./paced_source.ts";

/** What the scene is made of. Defaults suit 28 x 28 digits. */
export interface SyntheticOptions extends PacedOptions {
  /** Path of a clip with labels; each of its frames is a sprite. */
  readonly sprites: string;
  /** Class names in the network's order, when they may differ from the clip's. */
  readonly classes?: readonly string[];
  readonly seed: number;
  /** Scene size, pixels; 320 x 240. */
  readonly width?: number;
  readonly height?: number;
  /** "grey" (needs grey sprites) or "rgb"; "grey". */
  readonly color?: "grey" | "rgb";
  /** Scene pixels for one sprite pixel, from 1; 4. */
  readonly scale?: number;
  /** How far the sprite drifts from the middle, in sprite pixels; 1.5. */
  readonly drift?: number;
  /** Frames before the next sprite; 15. */
  readonly framesPerSprite?: number;
  /** Background bytes are drawn from 0 to this; 12. */
  readonly noise?: number;
}

/** A part of the scene, pixels. */
export interface Focus {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The camera, and where to look. */
export interface SyntheticCamera extends CameraSource {
  readonly focus: Focus;
}

/**
 * Opens a synthetic scene. A frame is drawn into one buffer, which is never allocated again.
 *
 * @throws {CameraError} `camera.open` when the options do not fit together, `camera.clip` for sprites that are no clip
 */
export async function openSyntheticCamera(options: SyntheticOptions): Promise<SyntheticCamera> {
  const issues: Issue[] = [];
  checkPacedOptions(options, issues);
  const clip = await openClip(options.sprites);
  const scene = planScene(options, clip, issues);
  if (issues.length > 0) throw openProblems(options.id, issues);
  const truths = classesOfLabels(clip, options.classes, options.sprites);
  const camera = createPacedSource(options, createPainter(scene, clip, truths));
  return Object.assign(camera, { focus: scene.focus });
}

// ---------------------------------------------------------------------------------------------------------------------

/** Sizes in scene pixels. */
interface Scene {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly focus: Focus;
  readonly spriteWidth: number;
  readonly spriteHeight: number;
  readonly framesPerSprite: number;
  readonly noise: number;
  readonly seed: number;
}

function planScene(options: SyntheticOptions, clip: Clip, issues: Issue[]): Scene {
  const { width = 320, height = 240, color = "grey", scale = 4, drift = 1.5, framesPerSprite = 15, noise = 12, seed } =
    options;
  const need = (isRight: boolean, where: string, expected: string, found: unknown) => {
    if (!isRight) issues.push({ where, expected, found: String(found) });
  };
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 1;
  const spriteWidth = Math.round(clip.width * scale);
  const spriteHeight = Math.round(clip.height * scale);
  const margin = Math.round(drift * scale);
  const focusWidth = spriteWidth + 2 * margin;
  const focusHeight = spriteHeight + 2 * margin;
  need(
    isCount(width) && isCount(height) && width * height <= IMAGE_PIXELS_MAX,
    "width, height",
    `1 to ${IMAGE_PIXELS_MAX} pixels`,
    `${width}x${height}`,
  );
  need(scale >= 1 && Number.isFinite(scale), "scale", "a number from 1", scale);
  need(drift >= 0 && Number.isFinite(drift), "drift", "a number from 0", drift);
  need(isCount(framesPerSprite), "frames_per_sprite", "a whole number from 1", framesPerSprite);
  need(Number.isInteger(noise) && noise >= 0 && noise <= 255, "noise", "a whole number, 0 to 255", noise);
  need(Number.isSafeInteger(seed), "seed", "a whole number", seed);
  need(
    focusWidth <= width && focusHeight <= height,
    "width, height",
    `room for the focus, ${focusWidth}x${focusHeight} (sprite · scale and twice the drift)`,
    `${width}x${height}`,
  );
  need(clip.labels !== null, "sprites", "a clip with labels", "none");
  need(color === "rgb" || clip.channels === 1, "color", '"rgb" for coloured sprites', JSON.stringify(color));
  const x = (width - focusWidth) >> 1;
  const y = (height - focusHeight) >> 1;
  const focus = { x, y, width: focusWidth, height: focusHeight };
  const channels = color === "rgb" ? 3 : 1;
  return { width, height, channels, focus, spriteWidth, spriteHeight, framesPerSprite, noise, seed };
}

function createPainter(scene: Scene, clip: Clip, truths: readonly number[]): () => Picture {
  const { width, height, channels, focus, spriteWidth, spriteHeight, framesPerSprite } = scene;
  const random = createRandom(scene.seed);
  const drawBackground = createBackground(scene, random);
  const place = createPath(random);
  const scaleSprite = createScaler(scene, clip);
  const pixels = new Uint8Array(width * height * channels);
  const sprite = new Uint8Array(spriteWidth * spriteHeight * channels);
  const picture = { width, height, channels, pixels, truth: -1 };
  const rangeX = focus.width - spriteWidth;
  const rangeY = focus.height - spriteHeight;
  let frame = 0;
  return () => {
    if (frame % framesPerSprite === 0) {
      const index = random.integer(clip.count);
      scaleSprite(index, sprite);
      // planScene has refused a clip without labels.
      picture.truth = truths[clip.labels?.[index] ?? -1] ?? -1;
    }
    drawBackground(pixels);
    const x = focus.x + Math.round(rangeX * place.x(frame));
    const y = focus.y + Math.round(rangeY * place.y(frame));
    lighten(pixels, (y * width + x) * channels, width * channels, sprite, spriteWidth * channels);
    frame += 1;
    return picture;
  };
}

/** Noise is drawn once, with room to spare, and read from another place each frame: a copy instead of 76,800 draws. */
function createBackground({ width, height, channels, noise }: Scene, random: Random): (pixels: Uint8Array) => void {
  const spare = 4096;
  const plane = new Uint8Array(width * height * channels + spare);
  for (let i = 0; i < plane.length; i++) plane[i] = random.integer(noise + 1);
  return (pixels) => {
    const start = random.integer(spare);
    pixels.set(plane.subarray(start, start + pixels.length));
  };
}

/** Two slow sines an axis, so the path does not close soon; each coordinate is from 0 to 1. */
function createPath(random: Random): { x: (frame: number) => number; y: (frame: number) => number } {
  const wave = () => {
    const [slow, fast] = [random.between(1 / 120, 1 / 60), random.between(1 / 45, 1 / 25)];
    const [phase, otherPhase] = [random.next(), random.next()];
    const turn = 2 * Math.PI;
    return (frame: number) =>
      0.5 + 0.3 * Math.sin(turn * (slow * frame + phase)) + 0.2 * Math.sin(turn * (fast * frame + otherPhase));
  };
  return { x: wave(), y: wave() };
}

/** Bilinear with half-pixel centres; a grey sprite is copied to all channels. */
function createScaler(scene: Scene, clip: Clip): (index: number, sprite: Uint8Array) => void {
  const { spriteWidth, spriteHeight, channels } = scene;
  const columns = axis(clip.width, spriteWidth);
  const rows = axis(clip.height, spriteHeight);
  const stride = clip.width * clip.channels;
  return (index, sprite) => {
    const frame = index * clip.height * stride;
    for (let y = 0, at = 0; y < spriteHeight; y++) {
      const top = frame + rows.low[y] * stride;
      const bottom = frame + rows.high[y] * stride;
      for (let x = 0; x < spriteWidth; x++) {
        for (let c = 0; c < channels; c++, at++) {
          const left = columns.low[x] * clip.channels + (clip.channels === 1 ? 0 : c);
          const right = columns.high[x] * clip.channels + (clip.channels === 1 ? 0 : c);
          const above = mix(clip.frames[top + left], clip.frames[top + right], columns.share[x]);
          const below = mix(clip.frames[bottom + left], clip.frames[bottom + right], columns.share[x]);
          sprite[at] = Math.round(mix(above, below, rows.share[y]));
        }
      }
    }
  };
}

/** For each of `length` scaled pixels its two neighbours among `sourceLength`, and the second one's share. */
function axis(sourceLength: number, length: number): { low: Int32Array; high: Int32Array; share: Float64Array } {
  const [low, high, share] = [new Int32Array(length), new Int32Array(length), new Float64Array(length)];
  for (let i = 0; i < length; i++) {
    const centre = Math.max(0, ((i + 0.5) * sourceLength) / length - 0.5);
    low[i] = Math.min(Math.floor(centre), sourceLength - 1);
    high[i] = Math.min(low[i] + 1, sourceLength - 1);
    share[i] = centre - Math.floor(centre);
  }
  return { low, high, share };
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}

/** Draws a sprite where it is lighter than what is there; `start` is its first byte's place in the scene. */
function lighten(scene: Uint8Array, start: number, stride: number, sprite: Uint8Array, rowBytes: number): void {
  for (let at = 0; at < sprite.length; start += stride) {
    for (let x = 0; x < rowBytes; x++, at++) {
      if (sprite[at] > scene[start + x]) scene[start + x] = sprite[at];
    }
  }
}
