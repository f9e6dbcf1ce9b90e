// Issuers that lie, one lie each: oauth2-mock-server, one instance per case behind `/CASE/TENANT/v2.0`.
//
// Usage: node hostile.mjs SETTINGS.json   (one JSON line on stdout once it listens; ends when stdin closes)
//
// A case is an issuer of its own, so that its discovery document and its keys can be part of the lie. Any client ID
// and any redirect is taken, and the authorize endpoint redirects at once. `expect` says what a careful client does:
// `accept`, `refuse`, or `either` where the specifications leave the choice.
import {
  constants, createHash, createHmac, createPublicKey, generateKeyPairSync, sign,
} from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';

const { tenant, record } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const OTHER_TENANT = '99999999-aaaa-4bbb-8ccc-dddddddddddd';

function keep(name, value) {
  if (record) appendFileSync(record, `${JSON.stringify({ name: `hostile ${name}`, value })}\n`);
}

const rsa = (kid) => ({
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig',
});
const main = rsa('main');
const second = rsa('second');
const stranger = rsa('main');
const curve = { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), kid: 'curve', alg: 'ES256', use: 'sig' };
const strangerCurve = { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), kid: 'curve', alg: 'ES256', use: 'sig' };

const text = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

// Signs what is asked, not what is right: `key` may be any key, `header` any header.
function forge(claims, { header = { alg: 'RS256', typ: 'JWT', kid: 'main' }, key = main, mac } = {}) {
  const input = `${text(header)}.${text(claims)}`;
  if (header.alg === 'none') return `${input}.`;
  if (mac) return `${input}.${createHmac('sha256', mac).update(input).digest('base64url')}`;
  const material = { key, format: 'jwk', padding: constants.RSA_PKCS1_PADDING };
  if (header.alg === 'ES256') material.dsaEncoding = 'ieee-p1363';
  return `${input}.${sign('sha256', Buffer.from(input), material).toString('base64url')}`;
}

const atHash = (token) => createHash('sha256').update(token).digest().subarray(0, 16).toString('base64url');
const without = (name) => ({ claims: (claims) => { delete claims[name]; } });
const publicPem = createPublicKey({ key: main, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
const now = () => Math.floor(Date.now() / 1000);

// claims: changes the ID token's claims · refreshed: the same, on refresh only · sign: how it is signed
// response: changes the token endpoint's answer · redirect: changes the redirect · discovery: changes the document
const CASES = {
  'honest': { expect: 'accept' },
  'alg-none': { expect: 'refuse', sign: { header: { alg: 'none', typ: 'JWT' } } },
  'hs256-public-key': { expect: 'refuse', sign: { header: { alg: 'HS256', typ: 'JWT', kid: 'main' }, mac: publicPem } },
  'bad-signature-rs256': { expect: 'refuse', sign: { key: stranger } },
  'bad-signature-es256': { expect: 'refuse', keys: [main, curve], sign: { header: { alg: 'ES256', typ: 'JWT', kid: 'curve' }, key: strangerCurve } },
  'unknown-kid': { expect: 'refuse', sign: { header: { alg: 'RS256', typ: 'JWT', kid: 'nobody' }, key: stranger } },
  'no-kid-one-key': { expect: 'accept', sign: { header: { alg: 'RS256', typ: 'JWT' } } },
  'no-kid-several-keys': { expect: 'either', keys: [second, main], sign: { header: { alg: 'RS256', typ: 'JWT' } } },
  'wrong-issuer': { expect: 'refuse', claims: (claims) => { claims.iss = `http://127.0.0.1:1/${tenant}/v2.0`; } },
  'wrong-audience': { expect: 'refuse', claims: (claims) => { claims.aud = 'someone-else'; } },
  'missing-audience': { expect: 'refuse', ...without('aud') },
  'several-audiences': { expect: 'refuse', claims: (claims) => { claims.aud = [claims.aud, 'someone-else']; } },
  'several-audiences-other-azp': { expect: 'refuse', claims: (claims) => { claims.aud = [claims.aud, 'someone-else']; claims.azp = 'someone-else'; } },
  'missing-iat': { expect: 'refuse', ...without('iat') },
  'missing-sub': { expect: 'refuse', ...without('sub') },
  'missing-exp': { expect: 'refuse', ...without('exp') },
  'expired': { expect: 'refuse', claims: (claims) => { claims.iat = now() - 7200; claims.nbf = claims.iat; claims.exp = now() - 3600; } },
  'not-yet-valid': { expect: 'refuse', claims: (claims) => { claims.nbf = now() + 3600; } },
  'wrong-nonce': { expect: 'refuse', claims: (claims) => { claims.nonce = 'another-nonce'; } },
  'missing-nonce': { expect: 'refuse', claims: (claims, refreshed) => { if (!refreshed) delete claims.nonce; } },
  'bad-at-hash': { expect: 'refuse', claims: (claims) => { claims.at_hash = atHash('another access token'); } },
  'wrong-tenant': { expect: 'refuse', claims: (claims) => { claims.tid = OTHER_TENANT; } },
  'no-id-token': { expect: 'refuse', response: (body) => { delete body.id_token; } },
  'refreshed-other-issuer': { expect: 'refuse', refreshed: (claims) => { claims.iss = `http://127.0.0.1:1/${tenant}/v2.0`; } },
  'refreshed-other-subject': { expect: 'refuse', refreshed: (claims) => { claims.sub = 'mallory'; } },
  'refreshed-other-audience': { expect: 'refuse', refreshed: (claims) => { claims.aud = 'someone-else'; } },
  'refreshed-without-id-token': { expect: 'refuse', response: (body, refreshed) => { if (refreshed) delete body.id_token; } },
  'refresh-refused': {
    expect: 'refuse',
    answer: (response, refreshed) => {
      if (!refreshed) return;
      response.statusCode = 400;
      response.body = { error: 'invalid_grant', error_description: 'AADSTS700082: The refresh token has expired due to inactivity.' };
    },
  },
  'discovery-other-issuer': { expect: 'refuse', discovery: (document) => { document.issuer = document.issuer.replace(tenant, OTHER_TENANT); } },
  'redirect-other-iss': { expect: 'refuse', redirect: (url) => { url.searchParams.set('iss', `http://127.0.0.1:1/${tenant}/v2.0`); } },
  'redirect-other-state': { expect: 'refuse', redirect: (url) => { url.searchParams.set('state', 'another-state'); } },
  'redirect-error': {
    expect: 'refuse',
    redirect: (url) => {
      url.searchParams.delete('code');
      url.searchParams.set('error', 'access_denied');
      // Colours, a bell, a line break and a change of writing direction: what a terminal must never be sent as it is.
      url.searchParams.set('error_description', 'AADSTS65004: \u001b[31mdeclined\u0007\r\nsecond line \u202e reversed');
    },
  },
  'token-not-json': { expect: 'refuse', answer: (response) => { response.statusCode = 200; response.body = '<html>\u001b[2J</html>'; } },
  'token-server-error': { expect: 'refuse', answer: (response) => { response.statusCode = 500; response.body = { error: 'server_error' }; } },
};

const server = createServer();
await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
const origin = `http://127.0.0.1:${server.address().port}`;

const handlers = {};
const cases = {};
for (const [name, lie] of Object.entries(CASES)) {
  const url = `${origin}/${name}/${tenant}/v2.0`;
  const issuer = new OAuth2Issuer();
  issuer.url = url;
  for (const key of lie.keys ?? [main]) await issuer.keys.add(key);
  const service = new OAuth2Service(issuer);
  service.on('beforeAuthorizeRedirect', (redirect) => {
    redirect.url.searchParams.set('iss', url);
    lie.redirect?.(redirect.url);
    const code = redirect.url.searchParams.get('code');
    if (code) keep(`${name} code`, code);
  });
  service.on('beforeResponse', (response, request) => {
    const refreshed = request.body.grant_type === 'refresh_token';
    const { body } = response;
    if (body.id_token) {
      const claims = claimsOf(body.id_token);
      Object.assign(claims, {
        iss: url, sub: 'alice', tid: tenant, ver: '2.0', oid: '00000000-0000-4000-8000-00000000a11c',
        name: 'Alice', preferred_username: 'alice@pintail.test', at_hash: atHash(body.access_token),
      });
      lie.claims?.(claims, refreshed);
      if (refreshed) lie.refreshed?.(claims);
      body.id_token = forge(claims, lie.sign);
    }
    lie.response?.(body, refreshed);
    for (const field of ['access_token', 'id_token', 'refresh_token']) if (body[field]) keep(`${name} ${field}`, body[field]);
    lie.answer?.(response, refreshed);
  });
  handlers[name] = { service, url, lie };
  cases[name] = { url, expect: lie.expect };
}

server.on('request', (request, response) => {
  const name = request.url.split('/')[1];
  const handler = handlers[name];
  const prefix = `/${name}/${tenant}/v2.0`;
  if (!handler || !request.url.startsWith(`${prefix}/`)) {
    response.writeHead(404).end();
    return;
  }
  request.url = request.url.slice(prefix.length);
  if (request.url.startsWith('/.well-known/') && handler.lie.discovery) {
    const document = {
      issuer: handler.url, authorization_endpoint: `${handler.url}/authorize`, token_endpoint: `${handler.url}/token`,
      jwks_uri: `${handler.url}/jwks`, response_types_supported: ['code'], subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
    };
    handler.lie.discovery(document);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    return;
  }
  handler.service.requestHandler(request, response);
});

process.stdin.resume().on('end', () => process.exit(0));
console.log(JSON.stringify({ origin, cases }));
