/**
 * The conformance kit: proves that an implementation does what the ABI says. `runKit` puts its cases to a `Subject`; one in
 * another language speaks JSON lines (docs/abi/conformance.md) and is driven by the program `foreshore-conformance`.
 */
export { ownCodec } from "./codec.ts";
export { controlSubject } from "./control-subject.ts";
export { type FrameMachineOptions, frameMachine } from "./frame-machine.ts";
export { jsonLinesSubject, type LineChannel, PROTOCOL } from "./json-lines.ts";
export {
  type CaseResult,
  type KitOptions,
  listCases,
  type Outcome,
  runKit,
  tapLine,
  tapLines,
} from "./kit.ts";
export { LOCK } from "./lock-file.ts";
export { type LayoutLock, type Mutation, mutated, mutations } from "./mutation.ts";
export { serveSubject } from "./serve.ts";
export { type SharedMachineOptions, sharedMachine } from "./shared-machine.ts";
export {
  type CodecValue,
  FEATURES,
  type Feature,
  type OpenOptions,
  type Subject,
  type SubjectCodec,
  SubjectError,
  type SubjectMachine,
} from "./subject.ts";
export type { Family } from "./trial.ts";
