// What Sightline is compared with: the same fan-out on npm's `ws`, in the shortest way that is fast.
// An event is serialised once, whoever listens.
//
//   node server.js CLIENTS TOPICS RATE SECONDS
//
// says its port, waits for a line, publishes, and serves on until it is ended.
'use strict';
const { WebSocketServer } = require('ws');

const [, topics, rate, seconds] = process.argv.slice(2).map(Number);
const name = (number) => `01890a5d-ac96-774b-bcce-b302099a80${number.toString(16).padStart(2, '0')}`;
const listeners = new Map(Array.from({ length: topics }, (_, n) => [`job.${name(n)}.>`, new Set()]));

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/api/v1/ws', backlog: 1024 });
server.on('listening', () => console.log(server.address().port));
server.on('connection', (socket) => {
  const mine = [];
  socket.on('message', (text) => {
    const { op, id, subjects } = JSON.parse(text);
    if (op !== 'subscribe') return;
    for (const subject of subjects) {
      listeners.get(subject).add(socket);
      mine.push(subject);
    }
    socket.send(JSON.stringify({ op: 'subscribed', id }));
  });
  socket.on('close', () => mine.forEach((subject) => listeners.get(subject).delete(socket)));
});

function publish(number, seq, due) {
  const topic = name(number);
  const text = Buffer.from(JSON.stringify({
    op: 'event', stream: `job/${topic}`, seq, subject: `job.${topic}.state`,
    type: 'bench', time: '2026-01-01T00:00:00.000000Z',
    data: { due: Number(due), camera: 'entrance', label: 'person', confidence: 0.87,
      box: [412.5, 103.25, 478.0, 291.75], track: 1742, frame: seq },
  }));
  for (const socket of listeners.get(`job.${topic}.>`)) socket.send(text, { binary: false });
}

process.stdin.once('data', () => {
  const interval = BigInt(Math.floor(1e9 / rate));
  const begin = process.hrtime.bigint();
  let seq = 0;
  const timer = setInterval(() => {
    while (seq < rate * seconds && begin + BigInt(seq) * interval <= process.hrtime.bigint()) {
      const due = begin + BigInt(seq) * interval;
      seq += 1;
      for (let number = 0; number < topics; number += 1) publish(number, seq, due);
    }
    if (seq === rate * seconds) clearInterval(timer);
  }, 5);
});
