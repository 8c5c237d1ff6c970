/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The RTSP library's factory of a mount, whose pipeline all clients share.
 */
#ifndef __ANOMALY_RTSP_MEDIA_H__
#define __ANOMALY_RTSP_MEDIA_H__

#include "server.h"

/* Without a description of the pipeline yet: the caller sets that. The mount must outlive it and its medias.
 */
GstRTSPMediaFactory* media_factory_new(Mount* mount);

#endif
