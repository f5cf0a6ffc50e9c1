// Makes the types of the client from the API's document, as its users would.

import { mkdir, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const blob = ts.factory.createTypeReferenceNode("Blob");
const tree = await openapiTS(new URL("../../api/openapi.json", import.meta.url), {
  // Fields with a default may be left out of requests.
  defaultNonNullable: false,
  // A file of a form is a Blob; the generator says string unless told.
  transform: (schema) => (schema.format === "binary" ? blob : undefined),
});
await mkdir(new URL("generated/", import.meta.url), { recursive: true });
await writeFile(new URL("generated/api.d.ts", import.meta.url), astToString(tree));
