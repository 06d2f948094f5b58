// How this page differs from Swagger UI as it comes. What is wrapped here are its components (version 5.17).

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

// The length from which on a text is shown shortened and in one colour: to colour a long one freezes the tab for seconds.
const LONG = 20_000;
// How many items of a list the form suggests, where people can choose.
const SUGGESTED_LIMIT = 20;

const spec = {document};
// The page may talk to its own service only, so it offers no other server.
spec.servers = [{ url: base }];
spec.externalDocs = { url: `${base}/openapi.json`, description: "openapi.json" };

for (const operation of Object.values(spec.paths).flatMap(Object.values)) {
  const limit = operation.parameters?.find(({ name, in: place }) => name === "limit" && place === "query");
  if (limit) limit.example ??= SUGGESTED_LIMIT;
}

// What people look for comes before the errors of each operation.
const isOfError = ([name]) => /Error(Body|Message)$/.test(name);
const schemas = Object.entries(spec.components.schemas);
spec.components.schemas = Object.fromEntries(
  [...schemas.filter((schema) => !isOfError(schema)), ...schemas.filter(isOfError)],
);

// Copy and Download are outside of this component, and have the whole text.
const shortened = (Original, { React }) => (props) => {
  const text = props.children;
  if (typeof text !== "string" || text.length <= LONG) return React.createElement(Original, props);
  const [shown, whole] = [LONG, text.length].map((length) => length.toLocaleString("en"));
  return React.createElement(
    React.Fragment,
    null,
    React.createElement("pre", { className: "microlight" }, `${text.slice(0, LONG)} …`),
    React.createElement("p", { className: "shortened" }, `The first ${shown} of ${whole} characters. Download has all of them.`),
  );
};

// The errors of an operation are a line each until their examples are asked for.
const withErrorsCollapsed = (Original, { React }) => (props) => {
  const [isOpen, setOpen] = React.useState(false);
  const button = {
    type: "button",
    className: "btn error-examples",
    "aria-expanded": isOpen,
    onClick: () => setOpen(!isOpen),
  };
  return React.createElement(
    "div",
    { className: isOpen ? "" : "without-error-examples" },
    React.createElement(Original, props),
    React.createElement("button", button, isOpen ? "Hide the errors' examples" : "Show the errors' examples"),
  );
};

// A modal dialog of the browser: it keeps the focus, and Esc closes it.
const modal = (Original, { React }) =>
  class extends React.Component {
    dialog = React.createRef();
    opener = document.activeElement;

    componentDidMount() {
      this.dialog.current.addEventListener("cancel", () => this.props.authActions.showDefinitions(false));
      this.dialog.current.showModal();
      this.dialog.current.querySelector("input")?.focus();
    }

    componentWillUnmount() {
      // The button is there again for the browser only after this.
      setTimeout(() => this.opener.focus());
    }

    render() {
      const dialog = { ref: this.dialog, "aria-label": "Available authorizations" };
      return React.createElement("dialog", dialog, React.createElement(Original, this.props));
    }
  };

SwaggerUIBundle({
  dom_id: "#docs",
  spec,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  plugins: [
    KeepAuthorization,
    {
      wrapComponents: {
        SyntaxHighlighter: shortened,
        responses: withErrorsCollapsed,
        authorizationPopup: modal,
      },
    },
  ],
});
