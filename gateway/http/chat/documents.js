/* The operations of the page: what each part of it asks for. */

const ITEM = `fragment Item on Conversation {
  id version title activeAt isPinned deletedAt messageCount
  waiting: toolExecutions(filter: { status: [PENDING] }) { totalCount }
}`;
const MESSAGE = `fragment Text on Message { id version seq role content status createdAt deletedAt finishReason }`;
const TOOL = `fragment Tool on ToolExecution {
  id version toolName parameters status result errorMessage estimatedCostUsd costUsd createdAt deletedAt
  approvalReason approvalRule { toolName note } knownTool { risk suggestedRisk }
  transitions { to at actor reason }
}`;
const TOOLS = `fragment Tools on ToolExecutionConnection { nodes { ...Tool } pageInfo { hasPreviousPage startCursor } }
${TOOL}`;
const USER_ERRORS = "userErrors { field message }";

/* Conversations */
export const INBOX = `query Inbox($after: Cursor) {
  viewer {
    feedCursor conversations(first: 30, after: $after) { nodes { ...Item } pageInfo { hasNextPage endCursor } }
  }
} ${ITEM}`;
export const CONVERSATION_CHANGED = `subscription ($after: Cursor) {
  conversationChanged(after: $after) { cursor conversation { ...Item } }
} ${ITEM}`;
export const ANY_TOOL_CHANGED = `subscription ($after: Cursor) {
  toolExecutionChanged(after: $after) { cursor toolExecution { conversation { ...Item } } }
} ${ITEM}`;
export const CREATE_CONVERSATION = `mutation ($input: CreateConversationInput!) {
  createConversation(input: $input) { conversation { ...Item } ${USER_ERRORS} }
} ${ITEM}`;

/* A thread */
export const THREAD = `query Thread($id: ID!, $before: Cursor, $toolsBefore: Cursor, $createdBefore: DateTime) {
  viewer { feedCursor }
  conversation(id: $id) {
    title
    messages(last: 50, before: $before) { nodes { ...Text } pageInfo { hasPreviousPage startCursor } }
    toolExecutions(last: 100, before: $toolsBefore, filter: { createdBefore: $createdBefore }) { ...Tools }
  }
} ${MESSAGE} ${TOOLS}`;
export const WAITING_TOOLS = `query Waiting($id: ID!, $before: Cursor) {
  conversation(id: $id) { toolExecutions(last: 100, before: $before, filter: { status: [PENDING] }) { ...Tools } }
} ${TOOLS}`;
export const MESSAGE_CHANGED = `subscription ($id: ID!, $after: Cursor) {
  messageChanged(conversationId: $id, after: $after) { cursor message { ...Text } }
} ${MESSAGE}`;
export const MESSAGE_GROWTH = `subscription ($id: ID!, $fromOffset: Int!) {
  messageGrowth(messageId: $id, fromOffset: $fromOffset) { text length message { ...Text } }
} ${MESSAGE}`;
export const TOOL_CHANGED = `subscription ($id: ID!, $after: Cursor) {
  toolExecutionChanged(conversationId: $id, after: $after) { cursor toolExecution { ...Tool } }
} ${TOOL}`;
export const ADD_MESSAGE = `mutation ($input: AddMessageInput!) {
  addMessage(input: $input) { message { ...Text } ${USER_ERRORS} }
} ${MESSAGE}`;
const decision = (field, input) => `mutation ($input: ${input}!) {
  answer: ${field}(input: $input) { toolExecution { ...Tool } ${USER_ERRORS} }
} ${TOOL}`;
export const APPROVE_TOOL = decision("approveToolExecution", "ApproveToolExecutionInput");
export const REFUSE_TOOL = decision("cancelToolExecution", "CancelToolExecutionInput");

/* Cost and budget */
export const BUDGET = `query Budget($id: ID!, $today: Date) {
  viewer {
    feedCursor
    usage(from: $today) { costUsd }
    usageQuotas(first: 5) { nodes { unit period limit used reserved remaining mode resetsAt } }
  }
  conversation(id: $id) { usage { totalTokens costUsd } }
}`;
export const BUDGET_CHANGED = `subscription ($after: Cursor) {
  changes(types: ["UsageLog", "UsageQuota", "UsageReservation"], after: $after) { cursor }
}`;

/* Presence */
export const OWN_SESSION = "{ viewer { sessions(first: 50) { nodes { id isCurrent } } } }";
export const PRESENCE =
  `subscription ($id: ID!) { presence(conversationId: $id) { devices { sessionId deviceName state } } }`;
export const SIGNAL_PRESENCE =
  `mutation ($input: SignalPresenceInput!) { signalPresence(input: $input) { ${USER_ERRORS} } }`;
