// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * VF tokens (P): the secret by which users of a physical function and of its
 * virtual ones know each other.
 *
 * The token is the physical function's; a virtual one reaches it through
 * info.pf, which is bound for longer.
 */
#include "pci.h"

static const char key[] = "vf_token=";

/* ---- reading it ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "11112222-3333-4444-5555-666677778888": its length, or -EINVAL. */
static int parse_uuid(const char *text, u8 token[VFIO_PCI_TOKEN_LEN])
{
	int high, low;
	u32 at = 0, i;

	for (i = 0; i < VFIO_PCI_TOKEN_LEN; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) &&
		    text[at++] != '-')
			return -EINVAL;
		high = hex_digit(text[at]);
		low = high < 0 ? high : hex_digit(text[at + 1]);
		if (low < 0)
			return -EINVAL;
		token[i] = high << 4 | low;
		at += 2;
	}
	return at;
}

/* 1: @token was given; 0: none; or -EINVAL. */
static int parse_options(const char *options, u8 token[VFIO_PCI_TOKEN_LEN])
{
	int given = 0, len;

	while (options && *options) {
		if (*options == ' ') {
			options++;
			continue;
		}
		if (given || strncmp(options, key, sizeof(key) - 1) != 0)
			return -EINVAL;
		options += sizeof(key) - 1;
		len = parse_uuid(options, token);
		if (len < 0)
			return len;
		options += len;
		given = 1;
	}
	return given;
}

/* ---- who may open what ---- */

static bool is_token(const struct vfio_pci_device *pf,
		     const u8 token[VFIO_PCI_TOKEN_LEN])
{
	return pf->has_token && !memcmp(pf->token, token, VFIO_PCI_TOKEN_LEN);
}

static void set_token(struct vfio_pci_device *pf,
		      const u8 token[VFIO_PCI_TOKEN_LEN])
{
	memcpy(pf->token, token, VFIO_PCI_TOKEN_LEN);
	pf->has_token = true;
}

/* While others rely on the token it is asked for; else it is taken over. */
static int admit_pf(struct vfio_pci_device *pf, bool given,
		    const u8 token[VFIO_PCI_TOKEN_LEN])
{
	if (pf->nr_open_vfs)
		return given && is_token(pf, token) ? 0 : -EACCES;
	if (given)
		set_token(pf, token);
	return 0;
}

int vfio_pci_admit(void *data, const char *options)
{
	struct vfio_pci_device *vdev = data, *pf = vdev->info.pf;
	u8 token[VFIO_PCI_TOKEN_LEN];
	int given, ret;

	given = parse_options(options, token);
	if (given < 0) {
		port_info("%s: options are not vf_token=UUID: not opened",
			  vdev->name);
		return given;
	}
	if (pf) {
		mutex_lock(&pf->token_lock);
		ret = given && is_token(pf, token) ? 0 : -EACCES;
		mutex_unlock(&pf->token_lock);
	} else if (vdev->info.is_pf) {
		mutex_lock(&vdev->token_lock);
		ret = admit_pf(vdev, given, token);
		mutex_unlock(&vdev->token_lock);
	} else {
		ret = given ? -EINVAL : 0;
	}
	if (ret == -EINVAL)
		port_info("%s has no VF token: not opened with one",
			  vdev->name);
	else if (ret)
		port_info("%s: not opened %s", vdev->name,
			  given ? "with another VF token than its PF's"
				: "without its PF's VF token");
	return ret;
}

long vfio_pci_feature_vf_token(struct vfio_pci_device *vdev,
			       const struct vfio_device_feature *feature,
			       const void __user *arg)
{
	u8 token[VFIO_PCI_TOKEN_LEN];
	int ret;

	if (!vdev->info.is_pf)
		return -ENOTTY;
	ret = vfio_pci_feature_check_set(feature, sizeof(token));
	if (ret <= 0)
		return ret;
	if (port_copy_in(token, arg, sizeof(token)))
		return -EFAULT;
	mutex_lock(&vdev->token_lock);
	set_token(vdev, token);
	mutex_unlock(&vdev->token_lock);
	return 0;
}

static void count_vf(struct vfio_pci_device *vdev, int by)
{
	struct vfio_pci_device *pf = vdev->info.pf;

	if (!pf)
		return;
	mutex_lock(&pf->token_lock);
	pf->nr_open_vfs += by;
	mutex_unlock(&pf->token_lock);
}

void vfio_pci_token_use(struct vfio_pci_device *vdev)
{
	count_vf(vdev, 1);
}

void vfio_pci_token_unuse(struct vfio_pci_device *vdev)
{
	count_vf(vdev, -1);
}
