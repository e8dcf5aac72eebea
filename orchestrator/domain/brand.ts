declare const brand: unique symbol;

/** A type that only its parser can make: `Brand<string, 'Sha256'>` cannot be mixed with another string. */
export type Brand<T, B extends string> = T & { readonly [brand]: B };
