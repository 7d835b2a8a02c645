/** `node test/conformance/subject-main.ts`: our kernel as a subject that speaks JSON lines. */
import { serveSubject } from "@foreshore/abi/conformance";
import { standardLines } from "../../abi/src/conformance/cli/lines.ts";
import { miniSubject } from "./mini-subject.ts";

await serveSubject(await miniSubject(), standardLines());
