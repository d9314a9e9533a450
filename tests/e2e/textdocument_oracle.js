// Runs edit scripts through vscode-languageserver-textdocument: the text model that most language servers share.
//
// One JSON object a line, in and out:
//   {text, steps: [{range, text}]}  ->  {steps: [{text, lines, start, end}]}
// `text` and `lines` are the document after the step; `start` and `end` are the offsets that the ends of
// the step's range had before it, in UTF-16 units.
"use strict";

const readline = require("node:readline");
const { TextDocument } = require("vscode-languageserver-textdocument");

function run(script) {
  let document = TextDocument.create("untitled:a", "plaintext", 0, script.text);
  const steps = script.steps.map((step, index) => {
    const start = document.offsetAt(step.range.start);
    const end = document.offsetAt(step.range.end);
    // Its incremental update writes past the end of its own table of line starts when both ends lie behind
    // the last line; the text is right, so the table is built anew from it.
    const behind = Math.min(step.range.start.line, step.range.end.line) >= document.lineCount;
    document = TextDocument.update(document, [step], index + 1);
    if (behind) document = TextDocument.create(document.uri, "plaintext", index + 1, document.getText());
    return { text: document.getText(), lines: document.lineCount, start, end };
  });
  return { steps };
}

readline.createInterface({ input: process.stdin, crlfDelay: Infinity }).on("line", (line) => {
  process.stdout.write(JSON.stringify(run(JSON.parse(line))) + "\n");
});
