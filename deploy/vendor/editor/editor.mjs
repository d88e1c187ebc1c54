// The editor as one file. Only what static/js/editor.js uses is exported; the rest is dropped by the bundler.
import { autocompletion } from "@codemirror/autocomplete";
import { indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { python } from "@codemirror/lang-python";
import { HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { forceLinting, lintGutter, setDiagnostics } from "@codemirror/lint";
import { unifiedMergeView } from "@codemirror/merge";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";

export {
  autocompletion,
  basicSetup,
  Compartment,
  EditorState,
  EditorView,
  forceLinting,
  HighlightStyle,
  indentUnit,
  indentWithTab,
  json,
  keymap,
  lintGutter,
  python,
  setDiagnostics,
  syntaxHighlighting,
  tags,
  unifiedMergeView,
};
