// oidc-provider (npm), which was not written here, set up as FranceConnect v2 sets it up: see README.md.
// Configuration, by the environment: ISSUER, CLIENT (the client's metadata, JSON).
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { Provider, interactionPolicy } from "oidc-provider";

const issuer = new URL(process.env.ISSUER);
const prefixe = issuer.pathname;

const pivot = ["given_name", "given_name_array", "family_name", "birthdate", "gender", "birthplace", "birthcountry"];
const personnes = {
  camille: {
    given_name: "Camille Marie-Ange", given_name_array: ["Camille", "Marie-Ange"], family_name: "LEFÈVRE D'ARGENT",
    gender: "female", birthdate: "1987-11-03", idp_birthdate: "1987-11-03", birthplace: "2A004", birthcountry: "99100",
    preferred_username: "MOREAU", email: "camille.moreau@exemple.fr",
  },
  joao: {
    given_name: "João", given_name_array: ["João"], family_name: "FERREIRA", gender: "male",
    birthdate: "1961-01-01", idp_birthdate: "1961-00-00", birthplace: "", birthcountry: "99139",
    email: "joao.ferreira@exemple.fr",
  },
};

function cle(type, options, alg) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), alg, use: "sig", kid: randomBytes(8).toString("hex") };
}

// FranceConnect shows its information page each time, even to somebody who is signed in already.
const politique = interactionPolicy.base();
politique.get("consent").checks.add(new interactionPolicy.Check("information", "the person is told what is shared",
  (ctx) => (ctx.oidc.result?.consent ? interactionPolicy.Check.NO_NEED_TO_PROMPT : interactionPolicy.Check.REQUEST_PROMPT)));

const fournisseur = new Provider(issuer.href, {
  clients: [JSON.parse(process.env.CLIENT)],
  jwks: { keys: [cle("ec", { namedCurve: "P-256" }, "ES256"), cle("rsa", { modulusLength: 2048 }, "RS256")] },
  cookies: { keys: [randomBytes(32).toString("hex")] },
  acrValues: ["eidas1"],
  clientAuthMethods: ["client_secret_post", "private_key_jwt"],
  responseTypes: ["code"],
  subjectTypes: ["pairwise"],
  scopes: ["openid"],
  claims: {
    openid: ["sub"], identite_pivot: pivot, email: ["email"], preferred_username: ["preferred_username"],
    idp_birthdate: ["idp_birthdate"], acr: null, auth_time: null, iss: null,
  },
  pkce: { required: () => false },
  pairwiseIdentifier: (_, compte, client) =>
    `${createHash("sha256").update(`${client.sectorIdentifier}|${compte}`).digest("hex")}v1`,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...personnes[id] }) }),
  ttl: { AuthorizationCode: 30, AccessToken: 60, IdToken: 60, Grant: 1800, Interaction: 1800, Session: 1800 },
  features: {
    devInteractions: { enabled: false },
    jwtUserinfo: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, formulaire) => {
        const accord = '<input name="logout" value="yes"><button>Se déconnecter</button>';
        ctx.body = formulaire.replace("</form>", `${accord}</form>`);
      },
    },
  },
  routes: {
    authorization: "/authorize", token: "/token", userinfo: "/userinfo", jwks: "/jwks",
    end_session: "/session/end", revocation: "/token/revocation",
  },
  interactions: { policy: politique, url: (_, { uid }) => `${prefixe}/interaction/${uid}` },
});

// In front of the same library, FranceConnect admits these parameters and no other.
const admis = [
  "client_id", "response_type", "redirect_uri", "scope", "acr_values", "nonce", "state", "prompt", "claims", "idp_hint", "ui_locales",
];
fournisseur.use(async (ctx, suite) => {
  if (ctx.path === "/authorize") {
    const { nonce = "", state = "", acr_values: acr = "" } = ctx.query;
    const faux = Object.keys(ctx.query).filter((nom) => !admis.includes(nom));
    if (faux.length || nonce.length < 22 || !state || !acr) ctx.throw(400, `Y030007 ${faux}`);
  }
  return suite();
});

// The person's pages: whoever they say they are, then what will be shared.
fournisseur.use(async (ctx, suite) => {
  const [, uid, geste] = ctx.path.match(/^\/interaction\/([\w-]+)(?:\/(\w+))?$/) ?? [];
  if (!uid) return suite();
  const { prompt, params, session } = await fournisseur.interactionDetails(ctx.req, ctx.res);
  if (geste === "retour") {
    return conclure(ctx, { error: "access_denied", error_description: "User auth aborted" });
  }
  if (ctx.method === "POST" && prompt.name === "login") {
    const { login } = Object.fromEntries(new URLSearchParams(await lire(ctx.req)));
    return conclure(ctx, { login: { accountId: login in personnes ? login : "camille", acr: "eidas1", amr: ["pwd"] } });
  }
  if (ctx.method === "POST") {
    const accord = new fournisseur.Grant({ accountId: session.accountId, clientId: params.client_id });
    accord.addOIDCScope(params.scope);
    return conclure(ctx, { consent: { grantId: await accord.save() } });
  }
  const connexion = prompt.name === "login";
  const champs = connexion ? '<input name="login"><input name="mot_de_passe" type="password">' : "";
  const adresse = `${prefixe}/interaction/${uid}`;
  ctx.type = "html";
  ctx.body = `<form id="${connexion ? "connexion" : "information"}" method="post" action="${adresse}">
    ${champs}<button>Continuer</button></form><a id="retour" href="${adresse}/retour">Revenir</a>`;
});

async function conclure(ctx, resultat) {
  ctx.redirect(await fournisseur.interactionResult(ctx.req, ctx.res, resultat, { mergeWithLastSubmission: !resultat.error }));
  ctx.status = 303;
}

async function lire(requete) {
  let corps = "";
  for await (const bloc of requete) corps += bloc;
  return corps;
}

fournisseur.on("server_error", (_, erreur) => console.error(erreur));
for (const refus of ["authorization.error", "grant.error", "userinfo.error", "end_session.error"]) {
  fournisseur.on(refus, (_, { error, error_detail: detail, error_description: description }) =>
    console.error(`${refus}: ${error} ${detail ?? description}`));
}

// Mounted under the issuer's path, as Connect would.
const servir = fournisseur.callback();
createServer((requete, reponse) => {
  requete.originalUrl = requete.url;
  requete.url = requete.url.replace(prefixe, "") || "/";
  servir(requete, reponse);
}).listen(issuer.port, issuer.hostname, () => console.error("ready"));
