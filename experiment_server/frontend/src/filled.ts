/** What jsPsych hands to a plugin: every declared parameter has a value, its own or the default. */

import type { PluginInfo, TrialType } from "jspsych";

export type Filled<I extends PluginInfo> = Required<TrialType<I>>;
