SwaggerUIBundle({
  dom_id: "#docs",
  // The page may talk to its own service only, so it offers no other server.
  spec: {
    ...{document},
    servers: undefined,
    externalDocs: { url: "/openapi.json", description: "openapi.json" },
  },
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  persistAuthorization: true,
  displayRequestDuration: true,
});
