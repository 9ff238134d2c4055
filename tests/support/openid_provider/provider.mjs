// An OpenID provider (npm oidc-provider, certified) for the tests. Reads one JSON line of configuration after the other from
// stdin, {"jwks", "audience", "clients": {id: {"secret", "groups", "alg"}}}, and prints {"issuer"} when it serves that one.
// Clients get JWT access tokens by client_credentials.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

console.info = console.warn = () => {}; // It warns that it keeps everything in memory, on stdout, which is ours.

const modules = process.env.PROVIDER_MODULES;
const { default: Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`));

let serve;
const server = createServer((request, response) => serve(request, response));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

function configure({ jwks, audience, clients }) {
  const resource = (client) => ({
    scope: "",
    audience,
    accessTokenFormat: "jwt",
    jwt: { sign: { alg: clients[client.clientId].alg } },
  });
  const provider = new Provider(issuer, {
    jwks,
    clients: Object.entries(clients).map(([client_id, { secret }]) => ({
      client_id,
      client_secret: secret,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    })),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "https://hub.example",
        getResourceServerInfo: (context, indicator, client) => resource(client),
      },
    },
    extraTokenClaims: (context, token) => ({ groups: clients[token.clientId].groups }),
  });
  serve = provider.callback();
}

for await (const line of createInterface({ input: process.stdin })) {
  configure(JSON.parse(line));
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
}
process.exit(0);
