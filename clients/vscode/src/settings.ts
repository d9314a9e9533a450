import { isDeepStrictEqual } from 'node:util';
import * as vscode from 'vscode';

export const SECTION = 'spark';

/** Settings of this extension, which the server knows nothing of. */
const OWN = ['spark.server.', 'spark.trace.'];

type Tree = Record<string, Record<string, unknown> | unknown>;

/**
 * What the user has set, and nothing else: a default that is sent would overrule the user's own settings file.
 *
 * The server gets it twice, with `initialize`, so that nothing happens under other settings, and when it asks. What was
 * in the first and still holds is left out of the second: else a wrong value would be complained about twice.
 */
export class Settings {
  private initial: ReadonlyMap<string, unknown> = new Map();

  constructor(private readonly keys: readonly string[]) {}

  /** The keys of the server's settings that `package.json` lists. */
  static of(extension: vscode.Extension<unknown>): Settings {
    const manifest = extension.packageJSON as {
      contributes: { configuration: { properties: Record<string, unknown> }[] };
    };
    const keys = manifest.contributes.configuration.flatMap((part) => Object.keys(part.properties));
    return new Settings(keys.filter((key) => !OWN.some((prefix) => key.startsWith(prefix))));
  }

  /** For `initializationOptions`. */
  begin(): Tree {
    this.initial = this.explicit();
    return tree(this.initial);
  }

  /** For `workspace/configuration`. */
  later(): Tree {
    const changed = [...this.explicit()].filter(([key, value]) => !isDeepStrictEqual(value, this.initial.get(key)));
    return tree(new Map(changed));
  }

  /** All of them, as a settings file has them. */
  all(): Tree {
    return tree(this.explicit());
  }

  /** Something was taken back that the server was started with: it cannot be told so. */
  get outdated(): boolean {
    const now = this.explicit();
    return [...this.initial.keys()].some((key) => !now.has(key));
  }

  private explicit(): Map<string, unknown> {
    const configuration = vscode.workspace.getConfiguration();
    const found = new Map<string, unknown>();
    for (const key of this.keys) {
      const seen = configuration.inspect(key);
      const value = seen?.workspaceValue ?? seen?.globalValue;
      if (value !== undefined && value !== null) {
        found.set(key.slice(SECTION.length + 1), value);
      }
    }
    return found;
  }
}

function tree(values: ReadonlyMap<string, unknown>): Tree {
  const root: Record<string, Record<string, unknown>> = {};
  const top: Tree = root;
  for (const [path, value] of values) {
    const [section = '', key] = path.split('.');
    if (key === undefined) {
      top[section] = value;
    } else {
      (root[section] ??= {})[key] = value;
    }
  }
  return top;
}
