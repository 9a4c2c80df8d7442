/** The camera drivers' image decoders in the form in which data sets take them. */

import { decodeImage, IMAGE_NAME } from "../../devices/camera/image_files.ts";
import type { Decoders } from "../data/folder.ts";

/** PNG, JPEG, PGM and PPM. */
export const imageDecoders: Decoders = { pattern: IMAGE_NAME, decode: decodeImage };
