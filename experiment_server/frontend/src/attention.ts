/** Counts how often the page was out of sight or out of focus: times, never content. */

export interface Attention {
  timesHidden: number;
  timesBlurred: number;
}

export function watchAttention(stop: AbortSignal): Attention {
  const attention = { timesHidden: document.hidden ? 1 : 0, timesBlurred: 0 };
  const hidden = (): void => {
    if (document.hidden) attention.timesHidden += 1;
  };
  document.addEventListener("visibilitychange", hidden, { signal: stop });
  window.addEventListener("blur", () => (attention.timesBlurred += 1), { signal: stop });
  return attention;
}
