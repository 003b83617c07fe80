// Fetches one group's peak when somebody asks for it.
document.addEventListener("click", async (event) => {
  const url = event.target.dataset?.peak;
  if (!url) return;
  event.target.disabled = true;
  const answer = await fetch(url);
  event.target.replaceWith(answer.ok ? `${(await answer.json()).peak} %` : "unknown");
});
