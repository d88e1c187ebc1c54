// The editor as one file. Only what static/js/editor.js uses is exported; the rest is dropped by the bundler.
import { acceptCompletion, autocompletion } from "@codemirror/autocomplete";
import { historyField, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { globalCompletion, localCompletionSource, python } from "@codemirror/lang-python";
import { HighlightStyle, indentUnit, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { toml } from "@codemirror/legacy-modes/mode/toml";
import { forceLinting, lintGutter, setDiagnostics } from "@codemirror/lint";
import { unifiedMergeView } from "@codemirror/merge";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";

export {
  acceptCompletion,
  autocompletion,
  basicSetup,
  Compartment,
  EditorState,
  EditorView,
  forceLinting,
  globalCompletion,
  HighlightStyle,
  historyField,
  indentUnit,
  indentWithTab,
  json,
  keymap,
  lintGutter,
  localCompletionSource,
  python,
  setDiagnostics,
  StreamLanguage,
  syntaxHighlighting,
  tags,
  toml,
  unifiedMergeView,
};
