/** Grey to RGB, RGB to grey, and negatives, on bytes in planes `[channels, pixels]`. */

/**
 * Luma of ITU-R BT.601 in 16-bit fixed point: `(19595 R + 38470 G + 7471 B + 32768) >> 16`. The weights sum to 65536, so
 * grey stays as it is; the formula is that of Pillow's `convert("L")`, which most training scripts use.
 */
export function greyFromRgb(rgb: Uint8Array, grey: Uint8Array): void {
  const count = grey.length;
  for (let i = 0; i < count; i++) {
    grey[i] = (19595 * rgb[i] + 38470 * rgb[count + i] + 7471 * rgb[2 * count + i] + 32768) >>> 16;
  }
}

/** Grey in all three planes. */
export function rgbFromGrey(grey: Uint8Array, rgb: Uint8Array): void {
  for (let c = 0; c < 3; c++) rgb.set(grey, c * grey.length);
}

/** 255 − v, in place: for dark digits on light paper where the network knows light ones on dark. */
export function invert(bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = 255 - bytes[i];
}
