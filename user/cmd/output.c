// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHAT "writing the result"
#define WIDTH_DEFAULT 120
#define WIDTH_MIN 60

int output_no_memory(struct err *err)
{
	return err_set(err, ENOMEM, WHAT, "free some memory", "out of memory");
}

int output_text_open(struct output_text *text, struct err *err)
{
	memset(text, 0, sizeof(*text));
	text->stream = open_memstream(&text->text, &text->len);
	return text->stream ? 0 : output_no_memory(err);
}

void output_text_discard(struct output_text *text)
{
	if (text->stream)
		fclose(text->stream);
	free(text->text);
	memset(text, 0, sizeof(*text));
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t written = write(fd, bytes, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		len -= (size_t)written;
	}
	return 0;
}

static int write_error(int status, const char *where, struct err *err)
{
	if (!status || status == -EPIPE)
		return status;
	return err_set(err, -status, WHAT,
		       status == -ENOSPC ? "free some space, or write elsewhere with -o" :
					   "write elsewhere with -o",
		       "%.200s: %s", where, strerror(-status));
}

/* A device or pipe cannot be replaced by a new file. */
static bool is_replaceable(const char *path)
{
	struct stat known;

	return stat(path, &known) || S_ISREG(known.st_mode);
}

static int write_in_place(const char *path, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), status;

	if (fd < 0)
		return -errno;
	status = write_all(fd, bytes, len);
	close(fd);
	return status;
}

static int write_new_file(const char *path, const char *bytes, size_t len)
{
	char temporary[PATH_MAX];
	mode_t mask = umask(0);
	int fd, status;

	umask(mask);
	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	status = write_all(fd, bytes, len);
	if (!status && fchmod(fd, 0666 & ~mask))
		status = -errno;
	if (close(fd) && !status)
		status = -errno;
	if (!status && rename(temporary, path))
		status = -errno;
	if (status)
		unlink(temporary);
	return status;
}

static int write_result(const char *bytes, size_t len, const struct options *options,
			struct err *err)
{
	int status;

	if (!options->output)
		return write_error(write_all(STDOUT_FILENO, bytes, len), "standard output", err);
	status = is_replaceable(options->output) ? write_new_file(options->output, bytes, len) :
						   write_in_place(options->output, bytes, len);
	return write_error(status, options->output, err);
}

int output_text_write(struct output_text *text, const struct options *options, struct err *err)
{
	bool failed = ferror(text->stream) || fclose(text->stream);
	int status;

	text->stream = NULL;
	status = failed ? output_no_memory(err) : write_result(text->text, text->len, options, err);
	output_text_discard(text);
	return status;
}

#define STREAM_BUFFER (1U << 20)

int output_file_open(struct output_file *file, const struct options *options, struct err *err)
{
	int fd;

	memset(file, 0, sizeof(*file));
	if (!options->output) {
		fd = dup(STDOUT_FILENO);
	} else if (!is_replaceable(options->output)) {
		fd = open(options->output, O_WRONLY | O_CLOEXEC);
	} else {
		if (asprintf(&file->temporary, "%s.XXXXXX", options->output) < 0) {
			file->temporary = NULL;
			return output_no_memory(err);
		}
		fd = mkostemp(file->temporary, O_CLOEXEC);
	}
	file->stream = fd < 0 ? NULL : fdopen(fd, "w");
	if (file->stream) {
		setvbuf(file->stream, NULL, _IOFBF, STREAM_BUFFER);
		return 0;
	}
	fd = errno;
	free(file->temporary);
	return write_error(-fd, options->output ? options->output : "standard output", err);
}

int output_file_close(struct output_file *file, bool complete, const struct options *options,
		      struct err *err)
{
	mode_t mask = umask(0);
	int status = 0;

	umask(mask);
	errno = 0;
	if (fflush(file->stream) || ferror(file->stream))
		status = errno ? -errno : -EIO;
	if (!status && file->temporary && fchmod(fileno(file->stream), 0666 & ~mask))
		status = -errno;
	if (fclose(file->stream) && !status)
		status = -errno;
	if (!status && complete && file->temporary && rename(file->temporary, options->output))
		status = -errno;
	if (file->temporary && (status || !complete))
		unlink(file->temporary);
	free(file->temporary);
	return write_error(status, options->output ? options->output : "standard output", err);
}

int output_json(json_t *document, bool compact, const struct options *options, struct err *err)
{
	size_t flags = compact ? JSON_COMPACT : JSON_INDENT(1);
	struct output_text text;
	int status = document ? output_text_open(&text, err) : output_no_memory(err);

	if (status) {
		json_decref(document);
		return status;
	}
	if (json_dumpf(document, text.stream, flags) || fputc('\n', text.stream) == EOF) {
		json_decref(document);
		output_text_discard(&text);
		return output_no_memory(err);
	}
	json_decref(document);
	return output_text_write(&text, options, err);
}

bool output_is_terminal(const struct options *options)
{
	return !options->output && isatty(STDOUT_FILENO);
}

static int screen_width(const struct options *options)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	int width = columns ? atoi(columns) : 0;

	if (width <= 0 && output_is_terminal(options) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		width = size.ws_col;
	if (width <= 0 || width > 4096)
		width = WIDTH_DEFAULT;
	return width < WIDTH_MIN ? WIDTH_MIN : width;
}

struct view_style output_style(const struct options *options)
{
	return (struct view_style){
		.width = screen_width(options),
		.color = output_is_terminal(options) && !options->no_color && !getenv("NO_COLOR"),
		.system = options->system,
		.verbose = options->verbose,
	};
}
