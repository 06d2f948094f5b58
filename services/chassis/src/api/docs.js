// How this page differs from Swagger UI as it comes. What is wrapped here are its components (version 5.17).

// The length from which on a text is shown shortened and in one colour: to colour a long one freezes the tab for seconds.
const LONG = 20_000;
// How many items of a list the form suggests, where people can choose.
const SUGGESTED_LIMIT = 20;

const spec = {document};
// The page may talk to its own service only, so it offers no other server.
delete spec.servers;
spec.externalDocs = { url: "/openapi.json", description: "openapi.json" };

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
  persistAuthorization: true,
  displayRequestDuration: true,
  plugins: [
    {
      wrapComponents: {
        SyntaxHighlighter: shortened,
        responses: withErrorsCollapsed,
        authorizationPopup: modal,
      },
    },
  ],
});
