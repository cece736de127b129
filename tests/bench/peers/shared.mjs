// What the peers share: who the callers are, the pool of connections, and the statements of the two that resolve by hand.
//
// The statements are those of `ceiling.py`, prepared once per connection under a name. They say whose rows they want, and
// come from a role that row-level security does not bind: that is work which Parley does and these servers are spared.

import { readFileSync } from "node:fs";
import { GraphQLScalarType } from "graphql";
import pg from "pg";

// Started as `node SERVER.mjs CALLERS`; where the database is, the PG* variables of the environment say.
export const users = new Map(
  JSON.parse(readFileSync(process.argv[2], "utf8")).map(({ token, user_id }) => [`Bearer ${token}`, user_id]),
);
export const schema = readFileSync(new URL("schema.graphql", import.meta.url), "utf8");
export const pool = new pg.Pool({ max: 10 });

// A day stays the text that it is; pg would make midnight of the machine's time zone of it.
pg.types.setTypeParser(pg.types.builtins.DATE, (text) => text);

export function announce(port) {
  console.log(`http://127.0.0.1:${port}`);
}

export const scalars = {
  BigInt: new GraphQLScalarType({ name: "BigInt", serialize: Number }),
  Date: new GraphQLScalarType({ name: "Date", serialize: String }),
  DateTime: new GraphQLScalarType({ name: "DateTime", serialize: (time) => time.toISOString() }),
  Decimal: new GraphQLScalarType({ name: "Decimal", serialize: String }),
};

async function rows(name, text, values) {
  return (await pool.query({ name, text, values })).rows;
}

const CONVERSATION = `id, title, model, system_prompt AS "systemPrompt", message_count AS "messageCount",
  active_at AS "activeAt", last_message_id AS "lastMessageId"`;
const MESSAGE = `id, seq, upper(role) AS role, content, created_at AS "createdAt", updated_at AS "updatedAt"`;

export async function conversation(userId, id) {
  const text = `SELECT ${CONVERSATION} FROM conversations WHERE user_id = $1 AND id = $2`;
  return (await rows("conversation", text, [userId, id]))[0] ?? null;
}

export async function conversations(userId, first) {
  const text = `SELECT ${CONVERSATION} FROM conversations WHERE user_id = $1 AND deleted_at IS NULL
    ORDER BY active_since DESC, id DESC LIMIT $2`;
  return rows("conversations", text, [userId, first]);
}

export async function usageDays(userId, first) {
  const text = `SELECT day, requests, input_tokens AS "inputTokens", output_tokens AS "outputTokens",
    total_tokens AS "totalTokens", cost_usd AS "costUsd" FROM usage_days WHERE user_id = $1 ORDER BY day DESC LIMIT $2`;
  return rows("usageDays", text, [userId, first]);
}

export async function addMessage(userId, { conversationId, role, content }) {
  // The trigger that numbers messages works as the tables' owner, whom row-level security binds: it must know the user.
  const text = `INSERT INTO messages (user_id, conversation_id, role, content)
    SELECT $1::uuid, $2::uuid, lower($3), $4 FROM (SELECT set_config('app.user_id', ($1::uuid)::text, true)) AS stamp
    RETURNING ${MESSAGE}`;
  return (await rows("addMessage", text, [userId, conversationId, role, content]))[0];
}

// The batches: keys in, and for each key what belongs to it, in the order of the keys.

export async function messagesById(userId, ids) {
  const text = `SELECT ${MESSAGE} FROM messages WHERE user_id = $1 AND id = ANY($2::uuid[])`;
  const found = new Map();
  for (const row of await rows("messagesById", text, [userId, ids])) found.set(row.id, row);
  return ids.map((id) => found.get(id) ?? null);
}

export async function messagesOf(userId, conversationIds, first) {
  const text = `SELECT k.key AS "parentId", m.* FROM unnest($2::uuid[]) AS k (key) CROSS JOIN LATERAL (
      SELECT ${MESSAGE} FROM messages WHERE user_id = $1 AND conversation_id = k.key AND deleted_at IS NULL
      ORDER BY seq LIMIT $3
    ) AS m`;
  return pages(conversationIds, await rows("messagesOf", text, [userId, conversationIds, first]));
}

export async function toolExecutionsOf(userId, messageIds, first) {
  const text = `SELECT k.key AS "parentId", t.* FROM unnest($2::uuid[]) AS k (key) CROSS JOIN LATERAL (
      SELECT id, tool_name AS "toolName", upper(status) AS status, created_at AS "createdAt" FROM tool_executions
      WHERE user_id = $1 AND message_id = k.key AND deleted_at IS NULL ORDER BY created_at, id LIMIT $3
    ) AS t`;
  return pages(messageIds, await rows("toolExecutionsOf", text, [userId, messageIds, first]));
}

function pages(keys, found) {
  const byKey = new Map(keys.map((key) => [key, { nodes: [] }]));
  for (const row of found) byKey.get(row.parentId).nodes.push(row);
  return keys.map((key) => byKey.get(key));
}
