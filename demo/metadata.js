// What an ONNX file of keras_pde says about itself: its metadata_props, field 14 of the ModelProto, are pairs (1: key, 2: value).
import { PbfReader } from "./vendor/pbf.js";

export function metadata(bytes) {
  const found = {};
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    if (tag !== 14) return;
    const pair = pbf.readMessage((field, entry, inner) => { entry[field] = inner.readString(); }, {});
    found[pair[1]] = pair[2];
  }, null);
  if (!found.keras_pde) throw new Error("The ONNX file has no keras_pde metadata: export it with keras_pde.export or keras-pde export.");
  return JSON.parse(found.keras_pde);
}
