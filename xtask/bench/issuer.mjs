// A real OpenID Provider in Entra's shape: oidc-provider behind `/TENANT/v2.0`, GUID client IDs, Entra's claims.
//
// Usage: node issuer.mjs SETTINGS.json   (one JSON line on stdout once it listens; ends when stdin closes)
//
// Differences from Entra that stay: a rotated refresh token that is used again revokes its chain, and the redirect
// carries `iss` (RFC 9207). Entra does neither.
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { tenant, record, clients, shortIdTokenSeconds } = settings;

// Every token handed out is written down for the leak scan before the client can see it.
const SECRET_FIELDS = ['access_token', 'id_token', 'refresh_token', 'device_code'];
function keep(name, value) {
  if (record) appendFileSync(record, `${JSON.stringify({ name: `issuer ${name}`, value })}\n`);
}

// A GUID that is the same for the same person in every run.
function guid(text) {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const signing = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const certificate = generateKeyPairSync('rsa', { modulusLength: 2048 });

const REDIRECTS = [
  'http://localhost', 'http://localhost/', 'http://127.0.0.1', 'http://127.0.0.1/', 'http://127.0.0.1/callback', 'http://localhost/callback',
  'x-cyberduck-action://oauth', 'x-mountainduck-action://oauth', 'pintail://oauth',
];
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const native = (client_id, client_name, more = {}) => ({
  client_id, client_name,
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token', DEVICE_CODE],
  response_types: ['code'],
  redirect_uris: REDIRECTS,
  id_token_signed_response_alg: 'RS256',
  ...more,
});

const server = createServer();
await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
const origin = `http://127.0.0.1:${server.address().port}`;
const prefix = `/${tenant}/v2.0`;

const provider = new Provider(`${origin}${prefix}`, {
  clients: [
    native(clients.public, 'Pintail'),
    native(clients.short, 'Short ID tokens'),
    native(clients.no_refreshed_id_token, 'Refreshed without an ID token'),
    native(clients.no_refresh_token, 'Without refresh tokens', { grant_types: ['authorization_code', DEVICE_CODE] }),
    native(clients.unlisted, 'Unknown to SeaweedFS'),
    native(clients.confidential, 'With a secret', {
      token_endpoint_auth_method: 'client_secret_post', client_secret: settings.clientSecret,
    }),
    native(clients.certificate, 'With a key of its own', {
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'RS256',
      jwks: { keys: [{ ...certificate.publicKey.export({ format: 'jwk' }), kid: 'bench', use: 'sig', alg: 'RS256' }] },
    }),
  ],
  jwks: { keys: [{ ...signing, kid: randomUUID(), use: 'sig', alg: 'RS256' }] },
  cookies: { keys: [randomUUID()] },
  conformIdTokenClaims: false,
  claims: {
    openid: ['sub', 'tid', 'ver'],
    profile: ['oid', 'name', 'preferred_username'],
    email: ['email'],
  },
  async findAccount(_ctx, sub) {
    return {
      accountId: sub,
      async claims() {
        return {
          sub, tid: tenant, ver: '2.0', oid: guid(sub),
          name: sub.charAt(0).toUpperCase() + sub.slice(1),
          preferred_username: `${sub}@pintail.test`, email: `${sub}@pintail.test`,
        };
      },
    };
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true }, revocation: { enabled: true } },
  ttl: {
    AccessToken: 3600, AuthorizationCode: 60, DeviceCode: 600, Grant: 86400, Interaction: 600,
    RefreshToken: 86400, Session: 86400,
    IdToken: (_ctx, _token, client) => (client.clientId === clients.short ? shortIdTokenSeconds : 3600),
  },
});

provider.use(async (ctx, next) => {
  await next();
  const { body } = ctx;
  if (body && typeof body === 'object') {
    const refreshed = ctx.oidc?.params?.grant_type === 'refresh_token';
    if (refreshed && ctx.oidc?.client?.clientId === clients.no_refreshed_id_token) delete body.id_token;
    for (const field of SECRET_FIELDS) if (typeof body[field] === 'string') keep(field, body[field]);
  }
  const location = ctx.response.get('location');
  const code = location && /[?&]code=([^&]+)/.exec(location);
  if (code) keep('code', decodeURIComponent(code[1]));
});
provider.on('server_error', (_ctx, error) => console.error('issuer:', error));

const callback = provider.callback();
server.on('request', (request, response) => {
  if (!request.url.startsWith(`${prefix}/`)) {
    response.writeHead(404).end();
    return;
  }
  // Entra grants `offline_access` without `prompt=consent`; oidc-provider would quietly drop the scope.
  if (/\/auth\?(?!.*\bprompt=).*\boffline_access\b/.test(request.url)) request.url += '&prompt=consent';
  request.originalUrl = request.url;
  request.url = request.url.slice(prefix.length);
  callback(request, response);
});

process.stdin.resume().on('end', () => process.exit(0));
console.log(JSON.stringify({
  url: `${origin}${prefix}`,
  jwksUri: `${origin}${prefix}/jwks`,
  certificateKeyPem: certificate.privateKey.export({ type: 'pkcs8', format: 'pem' }),
}));
