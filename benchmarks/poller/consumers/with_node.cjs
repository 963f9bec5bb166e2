// Node's sqs-consumer in batch mode: ten at a time, deleted together.
const { SQSClient } = require("@aws-sdk/client-sqs");
const { Consumer } = require("sqs-consumer");

const [endpoint, queue] = process.argv.slice(2);
let paid = 0;

const consumer = Consumer.create({
  queueUrl: `${endpoint}/000000000000/${queue}`,
  sqs: new SQSClient({ endpoint, region: "us-east-1" }),
  batchSize: 10,
  handleMessageBatch: async (messages) => {
    for (const message of messages) {
      if (JSON.parse(message.Body).paid) paid += 1;
    }
    return messages;
  },
});

for (const failure of ["error", "processing_error"]) {
  consumer.on(failure, (error) => {
    throw error;
  });
}
consumer.start();
