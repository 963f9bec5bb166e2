// Kinesalite on a socket that it inherits, with a clock that can be set forward: GET /ahead/SECONDS.
// It ends with whoever holds the other end of its standard input.
const kinesalite = require('kinesalite')

const real = Date.now
let ahead = 0
Date.now = () => real() + ahead

const server = kinesalite({createStreamMs: 0, deleteStreamMs: 0, updateStreamMs: 0, shardLimit: 1000})
const [serve] = server.listeners('request')
server.removeAllListeners('request')
server.on('request', (request, response) => {
  const [, seconds] = /^\/ahead\/(\d+)$/.exec(request.url) || []
  if (seconds) {
    ahead += seconds * 1000
    response.end()
    return
  }
  response.setHeader('Date', new Date(Date.now()).toUTCString()) // node's own would be the real one
  serve(request, response)
})
server.listen({fd: Number(process.argv[2])})
process.stdin.on('end', () => process.exit()).resume()
