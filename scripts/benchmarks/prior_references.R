# Mixtures that mclust fits with its default prior: one M-step, and the optimum, as JSON.
# Arguments: NAME=FILE.csv,N_COMPONENTS ...

suppressPackageStartupMessages(library(mclust))

number <- function(x) paste0("[", paste(formatC(x, digits = 17, format = "g"), collapse = ", "), "]")

kinds <- c(full = "VVV", tied = "EEE", diag = "VVI", spherical = "VII")

write <- function(found, loglik) {
  sprintf(
    '{"weights": %s, "means": %s, "covariances": %s, "log_likelihood": %s}',
    number(found$parameters$pro), number(found$parameters$mean),
    number(found$parameters$variance$sigma), number(loglik)
  )
}

fit <- function(x, kind, n_components) {
  model <- kinds[[kind]]
  z <- unmap(hclass(hc(x, "VVV"), n_components))
  first <- mstep(x, model, z, prior = priorControl())
  step <- estep(x, model, first$parameters)
  second <- mstep(x, model, step$z, prior = priorControl())
  last <- me(x, model, z, prior = priorControl(), control = emControl(tol = 1e-14, itmax = 10000))
  sprintf(
    '"%s": {"first": %s, "second": %s, "optimum": %s}', kind,
    write(first, step$loglik), write(second, estep(x, model, second$parameters)$loglik),
    write(last, estep(x, model, last$parameters)$loglik)
  )
}

describe <- function(argument) {
  name <- sub("=.*", "", argument)
  parts <- strsplit(sub("^[^=]*=", "", argument), ",")[[1]]
  x <- as.matrix(read.csv(parts[1], header = FALSE))
  fits <- sapply(names(kinds), function(kind) fit(x, kind, as.integer(parts[2])))
  sprintf('"%s": {%s}', name, paste(fits, collapse = ",\n"))
}

cat("{", paste(sapply(commandArgs(trailingOnly = TRUE), describe), collapse = ",\n"), "}\n")
