// What the live peers share: a schema with what is asked of Parley, and the events, made in memory when `POST /publish` asks.
//
// They keep no one out, store nothing, and hand the same object to every subscriber.

import { randomUUID } from "node:crypto";

export const schema = `
  type Query {
    ready: Boolean!
  }
  type Subscription {
    messageAdded: MessageAdded!
  }
  type MessageAdded {
    cursor: String!
    message: Message!
  }
  type Message {
    id: ID!
    seq: Int!
    role: String!
    content: String!
    createdAt: String!
  }
`;

let seq = 0;

// An event for the body of a request to publish one.
export function made({ content }) {
  seq += 1;
  const message = { id: randomUUID(), seq, role: "USER", content, createdAt: new Date().toISOString() };
  return { messageAdded: { cursor: `1.${seq}`, message } };
}

export function announce(port) {
  console.log(`http://127.0.0.1:${port}`);
}
