/** abi/vectors.json as a module, so that it is there wherever the kit is: in a bundle, in a browser, in the package. */
import file from "../../vectors.json" with { type: "json" };
import type { Vectors } from "../vectors.ts";

export const VECTORS = file as unknown as Vectors;
