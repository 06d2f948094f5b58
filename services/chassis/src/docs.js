SwaggerUIBundle({
  dom_id: "#docs",
  spec: {document},
  deepLinking: true,
  docExpansion: "full",
  persistAuthorization: true,
  displayRequestDuration: true,
});
