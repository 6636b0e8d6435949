// Segment's own client: node segment_client.cjs HOST WRITE_KEY COUNT
'use strict'

const { Analytics } = require('@segment/analytics-node')

const [host, writeKey, count] = process.argv.slice(2)
const analytics = new Analytics({ writeKey, host, flushAt: 20, maxRetries: 3 })

analytics.on('error', (error) => {
  console.error(error.code)
  process.exitCode = 1
})
for (let number = 0; number < Number(count); number++) {
  analytics.track({
    userId: 'alice',
    event: 'com.twilio.voice.status-callback.call.ringing',
    messageId: `EZ${number}`,
    properties: { sid: `CA${number}` },
  })
}
analytics.closeAndFlush()
