# Mixtures with a noise component that mclust fits, and their log-likelihoods, as JSON.
# Arguments: NAME=FILE.csv,N_COMPONENTS ...

suppressPackageStartupMessages(library(mclust))

number <- function(x) paste0("[", paste(formatC(x, digits = 17, format = "g"), collapse = ", "), "]")

kinds <- c(full = "VVV", tied = "EEE", diag = "VVI", spherical = "VII")

fit <- function(x, kind, n_components) {
  # mclust wants a guess of what is noise: the tenth of the rows farthest from the mean
  distance <- mahalanobis(x, colMeans(x), cov(x))
  noise <- distance > quantile(distance, 0.9)
  found <- Mclust(x, n_components, kinds[[kind]], initialization = list(noise = noise), verbose = FALSE)
  if (is.null(found)) return(NULL)
  parameters <- found$parameters
  step <- estep(x, kinds[[kind]], parameters)  # the likelihood of exactly these parameters
  sprintf(
    '"%s": {"weights": %s, "means": %s, "covariances": %s, "density": %s, "log_likelihood": %s, "noise": %s, "n_parameters": %d}',
    kind, number(parameters$pro), number(parameters$mean), number(parameters$variance$sigma),
    number(parameters$Vinv), number(step$loglik), number(colSums(step$z)[n_components + 1]), found$df
  )
}

describe <- function(argument) {
  name <- sub("=.*", "", argument)
  parts <- strsplit(sub("^[^=]*=", "", argument), ",")[[1]]
  x <- as.matrix(read.csv(parts[1], header = FALSE))
  fits <- unlist(lapply(names(kinds), function(kind) fit(x, kind, as.integer(parts[2]))))
  sprintf(
    '"%s": {"log_hypervolume": %s, "fits": {%s}}', name, number(log(hypvol(x))),
    paste(fits, collapse = ",\n")
  )
}

cat("{", paste(sapply(commandArgs(trailingOnly = TRUE), describe), collapse = ",\n"), "}\n")
