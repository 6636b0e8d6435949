// Twilio's own Node client, unmodified but for where Events v1 is.
//
// node sequence.js SERVER ACCOUNT_SID AUTH_TOKEN DESTINATION
//
// Runs the contract sequence and prints what it saw, as one JSON object.

const assert = require("node:assert/strict");
const twilio = require("twilio");

const [server, accountSid, authToken, destination] = process.argv.slice(2);

const INITIATED = "com.twilio.voice.status-callback.call.initiated";
const RINGING = "com.twilio.voice.status-callback.call.ringing";

async function main() {
  const client = twilio(accountSid, authToken);
  client.events.baseUrl = server;
  const events = client.events.v1;

  const types = await events.eventTypes.list();
  const schema = await events.schemas("Voice.WebhookEvent").fetch();
  const versions = await schema.versions().list();

  const sinkConfiguration = { destination, method: "post", batch_events: false };
  const sink = await events.sinks.create({
    description: "node",
    sinkConfiguration,
    sinkType: "webhook",
  });
  assert.deepEqual(sink.sinkConfiguration, sinkConfiguration);
  assert.ok(sink.dateCreated instanceof Date && !isNaN(sink.dateCreated));
  const test = await events.sinks(sink.sid).sinkTest.create();
  const renamed = await events.sinks(sink.sid).update({ description: "renamed" });
  assert.equal(renamed.description, "renamed");

  const subscription = await events.subscriptions.create({
    description: "node",
    sinkSid: sink.sid,
    types: [{ type: INITIATED }, { type: RINGING }],
  });
  const subscribed = events.subscriptions(subscription.sid).subscribedEvents;
  const listed = await subscribed.list();
  assert.equal((await subscribed(RINGING).update({ schemaVersion: 1 })).schemaVersion, 1);
  assert.equal(await subscribed(RINGING).remove(), true);

  // Page by page, by the addresses that the server gives.
  const others = [];
  for (let number = 0; number < 4; number++) {
    others.push(
      await events.sinks.create({
        description: `${number}`,
        sinkConfiguration: { destination },
        sinkType: "webhook",
      }),
    );
  }
  const paged = await events.sinks.list({ pageSize: 2 });
  const used = await events.sinks.list({ inUse: true });

  const refusal = await events
    .sinks(sink.sid)
    .remove()
    .catch((error) => error);
  assert.equal(await events.subscriptions(subscription.sid).remove(), true);
  for (const each of [sink, ...others]) {
    assert.equal(await events.sinks(each.sid).remove(), true);
  }
  const missing = await events
    .sinks(sink.sid)
    .fetch()
    .catch((error) => error);

  return {
    types: types.map((each) => each.type),
    versions: versions.map((each) => each.schemaVersion),
    status: sink.status,
    test: test.result,
    subscribed: listed.map((each) => [each.type, each.schemaVersion]),
    paged: paged.length,
    used: used.map((each) => each.sid === sink.sid),
    left: (await events.sinks.list()).length,
    refusal: [refusal.status, refusal.code, refusal.moreInfo],
    missing: [missing.status, missing.code, missing.message],
  };
}

main().then(
  (seen) => console.log(JSON.stringify(seen)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
