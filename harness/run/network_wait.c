#include "run/network_wait.h"

#include "base/duration.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct network_wait {
	pthread_t thread;
	network_question *question;
	void *owner;
	int socket; /* the kernel's question is asked by it; -1 */
	pthread_mutex_t mutex;
	pthread_cond_t stopped;
	/* Under the mutex. */
	bool is_over;
	int64_t asked_ns; /* 0: none is under way */
	int64_t worst_ns; /* since it was last told */
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- the question ---- */

static bool is_end(const char *answer, ssize_t length)
{
	size_t left = (size_t)length;
	for (const struct nlmsghdr *message = (const struct nlmsghdr *)answer; NLMSG_OK(message, left);
	     message = NLMSG_NEXT(message, left))
		if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
			return true;
	return false;
}

static bool ask_kernel(void *owner)
{
	const struct network_wait *wait = owner;
	struct {
		struct nlmsghdr header;
		struct rtgenmsg body;
	} question = {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
		    .nlmsg_type = RTM_GETADDR,
		    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body = { .rtgen_family = AF_UNSPEC },
	};
	_Alignas(struct nlmsghdr) char answer[16384];
	if (send(wait->socket, &question, question.header.nlmsg_len, 0) < 0)
		return false;
	ssize_t length;
	do {
		length = recv(wait->socket, answer, sizeof(answer), 0);
		if (length <= 0)
			return false;
	} while (!is_end(answer, length));
	return true;
}

/* ---- the thread ---- */

static void note(struct network_wait *wait, int64_t took_ns)
{
	if (took_ns >= NETWORK_WAIT_LEAST_NS && took_ns + NETWORK_WAIT_PERIOD_NS > wait->worst_ns)
		wait->worst_ns = took_ns + NETWORK_WAIT_PERIOD_NS;
}

/* Until the next question is due, or there is to be none. */
static void pause_until(struct network_wait *wait, int64_t due_ns)
{
	struct timespec due = { .tv_sec = due_ns / NS_PER_S, .tv_nsec = due_ns % NS_PER_S };
	while (!wait->is_over && now_ns() < due_ns)
		pthread_cond_timedwait(&wait->stopped, &wait->mutex, &due);
}

static void *run(void *owner)
{
	struct network_wait *wait = owner;
	bool is_answered = true;
	pthread_mutex_lock(&wait->mutex);
	while (!wait->is_over && is_answered) {
		wait->asked_ns = now_ns();
		pthread_mutex_unlock(&wait->mutex);
		is_answered = wait->question(wait->owner);
		pthread_mutex_lock(&wait->mutex);
		int64_t answered_ns = now_ns();
		if (is_answered)
			note(wait, answered_ns - wait->asked_ns);
		wait->asked_ns = 0;
		pause_until(wait, answered_ns + NETWORK_WAIT_PERIOD_NS);
	}
	pthread_mutex_unlock(&wait->mutex);
	return NULL;
}

/* ---- outside of it ---- */

static void release(struct network_wait *wait)
{
	if (wait->socket >= 0)
		close(wait->socket);
	pthread_cond_destroy(&wait->stopped);
	pthread_mutex_destroy(&wait->mutex);
	free(wait);
}

struct network_wait *network_wait_start(network_question *question, void *owner)
{
	struct network_wait *wait = xcalloc(1, sizeof(*wait));
	*wait = (struct network_wait){ .question = question, .owner = owner, .socket = -1 };
	pthread_condattr_t attributes;
	pthread_mutex_init(&wait->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&wait->stopped, &attributes);
	pthread_condattr_destroy(&attributes);
	if (!question) {
		wait->question = ask_kernel;
		wait->owner = wait;
		wait->socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	}
	if ((question || wait->socket >= 0) && wait->question(wait->owner) &&
	    pthread_create(&wait->thread, NULL, run, wait) == 0)
		return wait;
	release(wait);
	return NULL;
}

void network_wait_stop(struct network_wait *wait)
{
	if (!wait)
		return;
	pthread_mutex_lock(&wait->mutex);
	wait->is_over = true;
	pthread_cond_signal(&wait->stopped);
	pthread_mutex_unlock(&wait->mutex);
	pthread_join(wait->thread, NULL);
	release(wait);
}

int64_t network_wait_worst_ns(struct network_wait *wait)
{
	if (!wait)
		return 0;
	pthread_mutex_lock(&wait->mutex);
	if (wait->asked_ns > 0)
		note(wait, now_ns() - wait->asked_ns);
	int64_t worst_ns = wait->worst_ns;
	wait->worst_ns = 0;
	pthread_mutex_unlock(&wait->mutex);
	return worst_ns;
}
