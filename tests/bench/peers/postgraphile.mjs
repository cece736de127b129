// PostGraphile as its documentation recommends: the Amber preset, its own HTTP server, and the caller made known to
// row-level security by `pgSettings`, which PostGraphile sets in a transaction around each request's statements.
//
// It makes its schema from the tables, as the role that serves: what that role may not do is not in it.

import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { jsonPgSmartTags } from "postgraphile/utils";
import * as shared from "./shared.mjs";

// What the tables do not tell: which triggers fill columns, what the last message refers to, and which orders and links an
// index serves that begins with the tenant's column.
const tags = jsonPgSmartTags({
  version: 1,
  config: {
    class: {
      conversations: {
        tags: { foreignKey: "(user_id, last_message_id) references messages (user_id, id)|@fieldName lastMessage" },
        attribute: { active_since: { tags: { behavior: "+orderBy" } }, deleted_at: { tags: { behavior: "+filterBy" } } },
      },
      messages: {
        attribute: {
          seq: { tags: { behavior: "+orderBy", hasDefault: true } },
          version: { tags: { hasDefault: true } },
          deleted_at: { tags: { behavior: "+filterBy" } },
        },
      },
      tool_executions: {
        attribute: {
          created_at: { tags: { behavior: "+orderBy" } },
          deleted_at: { tags: { behavior: "+filterBy" } },
        },
      },
      usage_days: { attribute: { day: { tags: { behavior: "+orderBy" } } } },
    },
    constraint: {
      messages_conversation_id_exists: { tags: { foreignFieldName: "messages" } },
      tool_executions_message_id_exists: { tags: { foreignFieldName: "toolExecutions", behavior: "+connection" } },
    },
  },
});

const preset = {
  extends: [PostGraphileAmberPreset],
  plugins: [tags],
  pgServices: [makePgService({ pool: shared.pool, schemas: ["parley"] })],
  grafast: {
    explain: false,
    context({ node }) {
      const userId = shared.users.get(node?.req.headers.authorization);
      if (!userId) throw new Error("Sign in first.");
      return { pgSettings: { "app.user_id": userId } };
    },
  },
  grafserv: { graphiql: false, watch: false },
};

const server = createServer();
server.on("error", (error) => {
  throw error;
});
const serv = postgraphile(preset).createServ(grafserv);
await serv.addTo(server);
server.listen(0, "127.0.0.1", () => shared.announce(server.address().port));
