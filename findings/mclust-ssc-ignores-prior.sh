#!/bin/sh
# MclustSSC of R's mclust accepts `prior` and `control`, and fits without them.
#
# Expected: MclustSSC(x, class, prior = priorControl()) is the most probable mixture under the prior, as
#   Mclust(x, prior = priorControl()) is, and
#   control = emControl(itmax = 1) stops after one iteration.
# Found: both arguments are named in its signature and its help page, and not passed on to the function that fits. The
#   parameters are those without a prior, to the bit, and EM runs to convergence. No error, no warning;
#   the value says `control` as it was given.
# Versions: mclust 6.0.0 (R package, as in Debian's r-cran-mclust), R 4.2.2.
# Why it matters: semi-supervised fits with few labelled rows are where a prior against collapse is
#   needed. A comparison of fits with and without a prior shows no difference, and seems to say that the
#   prior does not matter.
set -eu
Rscript - <<'R'
suppressMessages(library(mclust))
cat("mclust", as.character(packageVersion("mclust")), "on", R.version.string, "\n")
stopifnot(packageVersion("mclust") == "6.0.0")
set.seed(1)
x <- as.matrix(iris[, 1:4])
class <- as.character(iris$Species)
class[sample(nrow(x), 120)] <- NA
fit <- function(...) MclustSSC(x, class, modelNames = "VVV", verbose = FALSE, ...)
without <- fit()
with <- fit(prior = priorControl())
one <- fit(control = emControl(itmax = 1))
direct <- mclust:::MclustSSC.fit(x, class, modelName = "VVV", prior = priorControl(), verbose = FALSE)
cat("log-likelihood without a prior:              ", without$loglik, "\n")
cat("MclustSSC(prior = priorControl()):           ", with$loglik, "\n")
cat("MclustSSC(control = emControl(itmax = 1)):   ", one$loglik, "\n")
cat("what it calls, with prior = priorControl():  ", direct$loglik, "\n")
stopifnot(identical(with$parameters, without$parameters))
stopifnot(identical(one$parameters, without$parameters))
stopifnot(one$control$itmax[1] == 1)
stopifnot(abs(direct$loglik - without$loglik) > 0.1)
R
