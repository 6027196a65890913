/** The built page, made by `scripts/page.ts` when the Worker is bundled. */
declare module 'stint:page' {
  export const files: Readonly<Record<string, { readonly type: string; readonly text: string }>>
}
