// Segment's own library for Node, by its own calls: `node real_client.cjs FOLDER URL`; the folder has its node_modules.
const path = require('path')

const [folder, host] = process.argv.slice(2)
const { Analytics } = require(path.join(folder, 'node_modules', '@segment', 'analytics-node'))
const analytics = new Analytics({ writeKey: 'write-key', host, flushAt: 6 })
analytics.on('error', (error) => {
  console.error('not delivered:', error)
  process.exitCode = 1
})
analytics.identify({ userId: 'user-1', anonymousId: 'visitor-1', traits: { email: 'ilya@example.org' } })
analytics.track({ userId: 'user-1', event: 'Item Bought', properties: { price: 17.9 } })
analytics.page({ userId: 'user-1', category: 'Docs', name: 'Home', properties: { url: 'https://shop.example/' } })
analytics.screen({ userId: 'user-1', category: 'Docs', name: 'Home', properties: { dark: true } })
analytics.group({ userId: 'user-1', groupId: 'acme', traits: { plan: 'team' } })
analytics.alias({ userId: 'user-1', previousId: 'visitor-1' })
analytics.closeAndFlush({ timeout: 30000 })
