// What comes before `/docs` in the address: a proxy may put a prefix there that the service knows nothing of.
const base = location.origin + location.pathname.replace(/\/[^/]+\/?$/, "");

// The pages of all services behind one proxy share the storage of their origin, so each keeps its token under a key of its own:
// Swagger UI's own key is the same for all, and it would send the token of one service to another.
const key = `authorization for ${base}`;
const KeepAuthorization = () => ({
  statePlugins: {
    auth: {
      wrapActions: {
        persistAuthorizationIfNeeded: (_, { authSelectors }) => () =>
          localStorage.setItem(key, JSON.stringify(authSelectors.authorized())),
      },
    },
    configs: {
      wrapActions: {
        loaded: (original, { authActions }) => (...payload) => {
          original(...payload);
          const authorized = localStorage.getItem(key);
          if (authorized) authActions.restoreAuthorization({ authorized: JSON.parse(authorized) });
        },
      },
    },
  },
});

SwaggerUIBundle({
  dom_id: "#docs",
  spec: {
    ...{document},
    // The page may talk to its own service only, so it offers no other server.
    servers: [{ url: base }],
    externalDocs: { url: `${base}/openapi.json`, description: "openapi.json" },
  },
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  plugins: [KeepAuthorization],
  displayRequestDuration: true,
});
