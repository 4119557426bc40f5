// Says how many messages came since the page was made. Without script the page is whole; "Refresh" does the same.
const news = document.getElementById("news");
const title = document.title;
const POLL_MS = 1500;

async function look() {
  if (document.hidden) return;
  const address = new URL(news.dataset.count, location.href);
  address.searchParams.set("after", news.dataset.after);
  const answer = await fetch(address);
  if (!answer.ok) return;
  const count = (await answer.json()).new;
  if (count === 0 || String(count) === news.dataset.told) return;
  if ("empty" in news.dataset) return location.reload();
  news.dataset.told = String(count);
  document.title = `(${count}) ${title}`;
  const link = document.createElement("a");
  link.href = news.dataset.show;
  link.textContent = count === 1 ? "1 new message" : `${count} new messages`;
  news.replaceChildren(link);
}

setInterval(() => look().catch(() => {}), POLL_MS);
document.addEventListener("visibilitychange", () => look().catch(() => {}));
