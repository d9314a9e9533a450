// What VS Code itself takes: constant answers, at once, from inside the extension host. constant.txt in the workspace
// has the lines; growing.json may say {"mode"} how a second line comes to an answer that is on the screen already.
const fs = require('node:fs');
const path = require('node:path');
const vscode = require('vscode');

const LATER = 1500;

const GROW = {
  nothing: async () => undefined,
  hide: async () => {
    await vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
    await vscode.commands.executeCommand('editor.action.inlineSuggest.trigger');
  },
  trigger: () => vscode.commands.executeCommand('editor.action.inlineSuggest.trigger'),
};

exports.activate = (context) => {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
  const read = (name) => {
    const file = path.join(folder, name);
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
  };
  const lines = read('constant.txt')?.split('\n');
  if (lines === undefined) {
    return;
  }
  const mode = JSON.parse(read('growing.json') ?? '{}').mode;
  let grown = false;
  let timer;
  const provideInlineCompletionItems = (document, position) => {
    const start = document.lineAt(position.line).text.slice(0, position.character);
    const line = start && lines.find((candidate) => candidate.startsWith(start));
    if (!line) {
      return [];
    }
    if (mode !== undefined && !grown) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        grown = true;
        void GROW[mode]();
      }, LATER);
    }
    const range = new vscode.Range(position.line, 0, position.line, position.character);
    return [new vscode.InlineCompletionItem(grown ? `${line}\nsecond line` : line, range)];
  };
  context.subscriptions.push(vscode.languages.registerInlineCompletionItemProvider({ language: 'python' }, { provideInlineCompletionItems }));
  context.subscriptions.push(vscode.window.setStatusBarMessage('floor: ready'));
};
