/**
 * What stores have in common that leave runs of newer versions to the nodes that know them.
 *
 * @since 0.1.0
 */

/** How many such runs a claim passes over in a lane: what it looks at is bounded, however many stand there. */
export const passable = 1000
