"""A wrong subject for the conformance kit: it passes the lines of a sound one on, and changes one number.

    foreshore-conformance -- python3 mutant.py LOCK request OPCODE FIELD -- COMMAND...   the field of these requests is 0
    foreshore-conformance -- python3 mutant.py LOCK reply OPCODE FIELD -- COMMAND...     that of their replies is one more

The lines are those of docs/abi/conformance.md. A kit that is worth its name says what is wrong.
"""
import base64
import json
import subprocess
import sys


class Mutant:
    def __init__(self, lock, where, opcode, field):
        self.where, self.waiting, self.opcode = where, set(), int(lock["enums"]["Opcode"]["values"][opcode])
        self.reply = int(lock["enums"]["Opcode"]["values"]["Reply"])
        self.entry = int(lock["constants"]["Fixed"]["RingEntryBytes"])
        header = {item["name"]: item for item in lock["structs"]["RpcHeader"]["fields"]}
        self.names, self.ids = self._place(header["opcode"]), self._place(header["request_id"])
        fields = lock["structs"][f"{opcode}Request" if where == "request" else "ReplyEvent"]["fields"]
        found = next((item for item in fields if item["name"] == field), None) or sys.exit(f"{opcode} has no field {field}")
        self.field = self._place(found)
        self.result = self._place(next(item for item in lock["structs"]["ReplyEvent"]["fields"] if item["name"] == "result"))

    @staticmethod
    def _place(item):
        return slice(item["offset"], item["offset"] + item["size"])

    def _each(self, text, client, change):
        data = bytearray(base64.b64decode(text))
        for at in range(0, len(data), self.entry):
            entry = data[at : at + self.entry]
            change(entry, int.from_bytes(entry[self.names], "little"), (client, bytes(entry[self.ids])))
            data[at : at + self.entry] = entry
        return base64.b64encode(data).decode()

    def _request(self, entry, opcode, number):
        if opcode != self.opcode:
            return
        self.waiting.add(number)
        if self.where == "request":
            entry[self.field] = bytes(self.field.stop - self.field.start)

    def _reply(self, entry, opcode, number):
        if opcode != self.reply or number not in self.waiting:
            return
        self.waiting.discard(number)
        if int.from_bytes(entry[self.result], "little", signed=True) < 0:
            return
        value, size = int.from_bytes(entry[self.field], "little"), self.field.stop - self.field.start
        entry[self.field] = ((value + 1) % (1 << 8 * size)).to_bytes(size, "little")

    def question(self, line):
        if line.get("op") == "submit":
            line["entries"] = self._each(line["entries"], line["client"], self._request)
        return line

    def answer(self, line, question):
        if question.get("op") == "completions" and self.where == "reply" and "ok" in line:
            line["ok"]["entries"] = self._each(line["ok"]["entries"], question["client"], self._reply)
        return line


def main(lock, where, opcode, field, dashes, *command):
    if where not in ("request", "reply") or dashes != "--" or not command:
        sys.exit(__doc__)
    mutant = Mutant(json.load(open(lock)), where, opcode, field)
    subject = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for text in sys.stdin:
        question = json.loads(text)
        print(json.dumps(mutant.question(question)), file=subject.stdin, flush=True)
        line = subject.stdout.readline() or sys.exit("the subject has ended")
        print(json.dumps(mutant.answer(json.loads(line), question)), flush=True)
    subject.stdin.close()
    sys.exit(subject.wait())


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) > 6 else sys.exit(__doc__)
