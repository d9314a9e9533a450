// The baseline: a language server on Node's usual libraries, which reads what stands around the cursor,
// as every completion has to, and answers a constant.
"use strict";

const { createConnection, TextDocuments, TextDocumentSyncKind } = require("vscode-languageserver/node");
const { TextDocument } = require("vscode-languageserver-textdocument");

const LINES_BEFORE = 100;
const LINES_AFTER = 50;

const connection = createConnection(process.stdin, process.stdout);
const documents = new TextDocuments(TextDocument);

connection.onInitialize(() => ({
  capabilities: { textDocumentSync: TextDocumentSyncKind.Incremental, inlineCompletionProvider: true },
}));

connection.languages.inlineCompletion.on(({ textDocument, position }) => {
  const document = documents.get(textDocument.uri);
  const start = { line: Math.max(position.line - LINES_BEFORE, 0), character: 0 };
  const end = { line: position.line + LINES_AFTER, character: 0 };
  const prefix = document.getText({ start, end: position });
  const suffix = document.getText({ start: position, end });
  if (prefix.length + suffix.length === 0) return { items: [] };
  return {
    items: [
      {
        insertText: "return prefix + suffix",
        range: { start: position, end: position },
        command: { title: "Accept", command: "baseline.accept", arguments: ["1"] },
      },
    ],
  };
});

connection.onShutdown(() => undefined);
documents.listen(connection);
connection.listen();
