// The audits of the package graphql-http, which the authors of the GraphQL-over-HTTP specification keep.
// Prints what is not met, and fails if that is a MUST or a SHOULD.
import { serverAudits } from "graphql-http";

const counts = {};
for (const audit of serverAudits({ url: process.argv[2] })) {
  const result = await audit.fn();
  counts[result.status] = (counts[result.status] ?? 0) + 1;
  if (result.status !== "ok") {
    console.log(`${result.status}: ${audit.name}: ${result.reason}`);
  }
}
console.log(counts);
process.exitCode = counts.warn || counts.error ? 1 : 0;
