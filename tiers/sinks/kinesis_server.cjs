// kinesalite on a free port of 127.0.0.1, which its own command cannot do; says the port.
'use strict'

const server = require('kinesalite')({ createStreamMs: 20, updateStreamMs: 20 })

server.listen(0, '127.0.0.1', () => console.log(server.address().port))
