const CHECK_INTERVAL_MS = 500;

/** Calls back when the process that started this one is gone, also when it was killed: its children get another parent then. */
export function onParentDeath(callback: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, CHECK_INTERVAL_MS);
  timer.unref();
}
