// Before the first paint, or a chosen dark page would flash white.
try {
  const chosen = localStorage.getItem("segment-gevent.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; then the system decides.
}
