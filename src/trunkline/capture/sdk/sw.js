// Trunkline's service worker: hands the posts of Twilio Voice SDKs to Trunkline.
// "tee" lets them go to Twilio as well; "reroute" does not.
const BASE = "$BASE";
const MODE = "$MODE";

const GATEWAY =
  /^https:\/\/eventgw(?:\.[a-z0-9-]+)*\.twilio\.com(\/v[34]\/Endpoint(?:Events|Metrics))$/;
const WAITS_MS = [0, 1000, 4000, 16000];

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const post = request.method === "POST" && GATEWAY.exec(request.url);
  if (!post) return;
  const copy = request.clone();
  event.waitUntil(copy.text().then((body) => deliver(post[1], copy, body)));
  event.respondWith(MODE === "tee" ? fetch(request) : new Response("", { status: 200 }));
});

// The page may be gone by now. Every attempt has the same id, so that one that was
// kept without our hearing of it does not count twice.
async function deliver(path, request, body) {
  const headers = {
    "Content-Type": "application/json",
    "X-Twilio-Token": request.headers.get("X-Twilio-Token") || "",
    "X-Trunkline-Delivery": crypto.randomUUID(),
  };
  for (const wait of WAITS_MS) {
    if (wait) await new Promise((resolve) => setTimeout(resolve, wait));
    try {
      const { status } = await fetch(BASE + path, { method: "POST", headers, body });
      if (status < 500 && status !== 429) return;
    } catch {
      // No connection, or no answer: the next attempt.
    }
  }
}
